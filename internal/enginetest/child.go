package enginetest

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/internal/proctest"
	"github.com/bmq-go/bmq/sessionevents"
)

// What is about a whole process is shown in a process of its own, which is told by
// its environment what to do.
const (
	childProgram  = "session"
	childBroker   = "ENGINETEST_CHILD_BROKER"   // what the program gives
	childOverride = "ENGINETEST_CHILD_OVERRIDE" // what the environment gives
	childEngine   = "ENGINETEST_CHILD_ENGINE"
)

// Programs are what child processes run, for proctest.Main.
func Programs() map[string]func() { return map[string]func(){childProgram: childMain} }

func childMain() {
	if err := childSession(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// childSession starts a session and ends it.
func childSession() error {
	kind, err := strconv.Atoi(os.Getenv(childEngine))
	if err != nil {
		return err
	}
	if uri, ok := os.LookupEnv(childOverride); ok {
		if err := os.Setenv("BMQ_BROKER_URI", uri); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := bmq.NewSession(ctx, func(sessionevents.SessionEvent) {},
		bmq.WithBroker(os.Getenv(childBroker)), bmq.WithEngine(bmq.EngineKind(kind)))
	if err != nil {
		return err
	}
	return s.Close()
}

// child runs a session in another process, which is called name.
func (e *Env) child(broker, name string, env ...string) {
	e.t.Helper()
	cmd := proctest.Program(e.t, childProgram)
	cmd.Args[0] = name
	cmd.Env = append(cmd.Env, childBroker+"="+broker, childEngine+"="+strconv.Itoa(int(e.engine)))
	cmd.Env = append(cmd.Env, env...)
	e.Zero(proctest.Start(e.t, cmd).Exit())
}

func environmentOverrides(e *Env) {
	e.child("tcp://127.0.0.1:1", "child", childOverride+"="+e.proxy.uri())
	id, ok := e.proxy.identity()
	e.True(ok)
	e.Equal("child", id.ProcessName)
}

func namelessProcess(e *Env) {
	e.child(e.proxy.uri(), "")
	id, ok := e.proxy.identity()
	e.True(ok)
	e.Equal("go:UNKNOWN", id.ProcessName)
}
