// Package nativetest has the tests of the native engine that need its insides: that
// nothing which libbmq ends the process for reaches it, that failures of each of its
// functions are lived through, and that nothing is left behind. They are compiled with
// cgo and one of two tags: bmqfake puts a double in the place of libbmq, which
// fails on command; libbmq has the real one, against the embedded broker and,
// where BMQBRKR names its program, the official one.
package nativetest
