package embedded_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/examples/internal/embedded"
	"github.com/bmq-go/bmq/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(map[string]func(){"program": func() {
		broker := flag.String("broker", "", "")
		embedded.ParseFlags()
		fmt.Println("broker", *broker)
	}, "failing": func() {
		_, err := bmq.NewSession(context.Background(), embedded.Tell, bmq.WithBroker("tcp://127.0.0.1:1"),
			bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: time.Millisecond}))
		embedded.Fail("failing", err)
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

func TestAProgramWithoutABrokerSaysWhatToDo(t *testing.T) {
	p := proctest.Start(t, proctest.Program(t, "failing"))
	require.Equal(t, 1, p.Exit())
	require.Contains(t, p.Stderr(), "failing: Failed to start session: TIMEOUT")
	require.Contains(t, p.Stderr(), `"go run ./cmd/bmq broker" starts one`)
	require.Empty(t, embedded.Hint(errors.New("something else")))
	require.Empty(t, embedded.Hint(&bmq.Error{Op: "start", Err: context.Canceled}), "that is Ctrl-C")
	require.Empty(t, embedded.Hint(&bmq.Error{Op: "start", Err: bmq.ErrInvalidArgument}), "that is a bad URI")
}
