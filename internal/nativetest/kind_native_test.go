//go:build cgo && libbmq && !bmqfake

package nativetest_test

import (
	"testing"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/cbridge"
)

const kind = bmq.EngineNative

// address is of a broker that lives as long as the test.
func address(t *testing.T) string { return bmqtest.Start(t).URI() }

// emptied returns what is left.
func emptied() cbridge.Counts { return cbridge.Alive() }
