// Package control is the HTTP endpoint of the command bmq broker: what package bmqtest
// offers to tests in Go, for tests in any language, and a page for people.
//
// It listens on loopback only, and serves only those who call it by a name of loopback,
// so that no page of another site can use it through a browser.
package control
