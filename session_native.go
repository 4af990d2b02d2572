//go:build cgo && libbmq && !bmqfake

package bmq

import (
	"github.com/bmq-go/bmq/cbridge"
	"github.com/bmq-go/bmq/internal/engine"
)

func init() {
	version, linkage := cbridge.Describe()
	// First, so that EngineAuto takes it.
	compiledEngines = append([]engineEntry{{
		info: EngineInfo{Kind: EngineNative, Version: version, Linkage: linkage},
		make: func(cfg engine.Config) (engine.Engine, error) { return newNativeSession(cfg) },
	}}, compiledEngines...)
}
