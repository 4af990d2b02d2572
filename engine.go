package bmq

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bmq-go/bmq/internal/engine"
)

// EngineKind chooses what speaks to the broker.
type EngineKind int

// The engines.
const (
	// EngineAuto takes the native engine where it is compiled in, else the portable
	// one. It is the default, and what the environment variable BMQ_ENGINE ("auto",
	// "native", "portable") is asked for.
	EngineAuto EngineKind = iota
	// EngineNative is the official C++ SDK. It is in programs that are built with the
	// tag libbmq, cgo and an installed libbmq.
	EngineNative
	// EnginePortable is written in Go and speaks the protocol itself. It is in every
	// program.
	EnginePortable
)

// String returns the name that BMQ_ENGINE knows the engine by.
func (k EngineKind) String() string {
	switch k {
	case EngineAuto:
		return "auto"
	case EngineNative:
		return "native"
	case EnginePortable:
		return "portable"
	case engine.FakeKind:
		return "fake"
	}
	return fmt.Sprintf("EngineKind(%d)", int(k))
}

// EngineInfo tells about an engine of this program.
type EngineInfo struct {
	Kind    EngineKind
	Version string // of what speaks to the broker
	Linkage string // how it got into the program
}

// engineEntry is an engine that is compiled in.
type engineEntry struct {
	info EngineInfo
	make func(engine.Config) (engine.Engine, error)
}

// compiledEngines are the engines of this program, the one that EngineAuto takes
// first. The files session_*.go put theirs in.
var compiledEngines []engineEntry

// Engines tells which engines are in this program, the one that EngineAuto takes
// first.
func Engines() []EngineInfo {
	infos := make([]EngineInfo, 0, len(compiledEngines))
	for _, e := range compiledEngines {
		infos = append(infos, e.info)
	}
	return infos
}

const engineVariable = "BMQ_ENGINE"

// newEngine makes an engine of the kind asked for, by the program first and by the
// environment second.
func newEngine(kind EngineKind, cfg engine.Config) (engine.Engine, EngineKind, error) {
	if kind == EngineAuto {
		switch name := strings.ToLower(os.Getenv(engineVariable)); name {
		case "", EngineAuto.String():
		case EngineNative.String():
			kind = EngineNative
		case EnginePortable.String():
			kind = EnginePortable
		default:
			return nil, kind, valueError("%s is %q; it may be auto, native or portable", engineVariable, name)
		}
	}
	if kind == EngineAuto && cfg.Dial != nil {
		kind = EnginePortable // the only one that can use the program's connections
	}
	i := slices.IndexFunc(compiledEngines, func(e engineEntry) bool {
		return e.info.Kind == kind || kind == EngineAuto && e.info.Kind <= EnginePortable
	})
	if i < 0 && (kind < EngineAuto || kind > EnginePortable) {
		return nil, kind, valueError("unknown engine %v", kind)
	}
	if i < 0 {
		return nil, kind, failure(opStart, "", ErrEngineUnavailable,
			"the %v engine is not in this program: build it with cgo and -tags libbmq on a machine where pkg-config finds bmq", kind)
	}
	e, err := compiledEngines[i].make(cfg)
	return e, compiledEngines[i].info.Kind, err
}
