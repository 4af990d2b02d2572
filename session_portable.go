package bmq

import (
	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/portable"
)

func init() {
	compiledEngines = append(compiledEngines, engineEntry{
		info: EngineInfo{Kind: EnginePortable, Version: Version, Linkage: "Go"},
		make: func(cfg engine.Config) (engine.Engine, error) { return portable.New(cfg), nil },
	})
}
