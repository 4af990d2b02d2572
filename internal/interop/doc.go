// Package interop tests this module's client and embedded broker against the official
// Python SDK, in both directions.
//
// The clients of a test are processes: testdata/peer.py in Python, gopeer_test.go in
// Go. Both take the same commands, one JSON object per line of stdin, and write one
// JSON object per line to stdout for each reply, message, ack and session event, so
// that a test is written once for all pairs of languages.
//
// The interpreter is the one that the environment variable BMQ_PYTHON names, which
// then has to work, or the one of the virtual environment .venv at the module's root,
// which `make venv` makes. Without either, the tests are skipped.
package interop
