// Package cbridge is the border to C: it has the shim over libbmq, the C++ SDK of
// BlazingMQ, and its Go face. Nothing of it is compiled without cgo and one of two
// tags: libbmq for the shim, bmqfake for a double of it that tests use.
//
// The interface between the two languages is include/bmqbridge.h. It is narrow: a
// few functions, each called from one place here, and three callbacks. What crosses
// in numbers crosses in one go: an event with all its messages in, a batch of posts
// or confirmations out. C keeps no pointer to Go memory but for the session's handle,
// which is a number to it.
//
// Errors are codes of the SDK with a text. Preconditions of the SDK are checked by
// the caller of this package: breaking one ends the process.
package cbridge
