//go:build !race

package framing

const reusePages = true
