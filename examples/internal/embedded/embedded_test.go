package embedded_test

import (
	"flag"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/examples/internal/embedded"
	"github.com/bmq-go/bmq/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(map[string]func(){"program": func() {
		broker := flag.String("broker", "", "")
		embedded.ParseFlags()
		fmt.Println("broker", *broker)
	}})
	m.Run()
}

func TestAnArgumentThatIsNoFlagIsAMistake(t *testing.T) {
	p := proctest.Start(t, proctest.Program(t, "program", "-broker", "tcp://localhost:1"))
	p.Await("broker tcp://localhost:1")
	require.Zero(t, p.Exit())
	p = proctest.Start(t, proctest.Program(t, "program", "tcp://localhost:1"))
	require.Equal(t, 2, p.Exit())
	require.Contains(t, p.Stderr(), `unexpected argument "tcp://localhost:1"; a broker is given by -broker`)
}
