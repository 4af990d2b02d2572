// Package wire is the codec of the BlazingMQ client protocol for both sides of
// a connection: event headers, PUT, ACK, PUSH, CONFIRM and REJECT events,
// options, message properties, compression, checksums, GUIDs and queue URIs.
// Control messages live in the sub-package ctrl.
//
// Everything here is a pure function over byte slices: no I/O, no goroutines,
// no state. Append functions grow and return their first argument as the
// built-in append does. Readers hand out sub-slices of their input and never
// keep it. Input is not trusted: lengths are checked before they are used and a
// malformed input gives an error, never a panic.
//
// All integers on the wire are big-endian; a "word" is four bytes.
package wire
