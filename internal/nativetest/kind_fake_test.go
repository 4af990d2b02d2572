//go:build cgo && bmqfake

package nativetest_test

import (
	"testing"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/engine"
)

const kind = bmq.EngineKind(engine.FakeKind)

// address is of a broker that nobody connects to: the double has queues of its own.
func address(*testing.T) string { return "tcp://127.0.0.1:1" }

// emptied returns what is left when the double's queues are emptied.
func emptied() cbridge.Counts {
	if cbridge.Alive().Sessions == 0 {
		cbridge.FakeReset()
	}
	return cbridge.Alive()
}
