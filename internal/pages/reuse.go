//go:build !race

package pages

const reuse = true
