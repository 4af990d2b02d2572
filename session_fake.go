//go:build cgo && bmqfake

package bmq

import (
	"github.com/bmq-go/bmq/internal/engine"
)

// engineFake has a double of libbmq in place of it. It is for tests: EngineAuto never
// takes it.
const engineFake = EngineKind(engine.FakeKind)

func init() {
	compiledEngines = append(compiledEngines, engineEntry{
		info: EngineInfo{Kind: engineFake, Version: "fake", Linkage: "static"},
		make: func(cfg engine.Config) (engine.Engine, error) { return newNativeSession(cfg) },
	})
}
