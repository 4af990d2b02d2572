package proctest_test

import (
	"bufio"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(map[string]func(){"echo": echo, "fail": func() { os.Exit(7) }})
	goleak.VerifyTestMain(m)
}

// echo is a program that answers each line of stdin.
func echo() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println("you said", lines.Text())
	}
	fmt.Fprintln(os.Stderr, "bye")
}

func TestAProcessIsTalkedTo(t *testing.T) {
	p := proctest.Start(t, proctest.Program(t, "echo"))
	_, err := fmt.Fprintln(p.Stdin(), "one\ntwo\nthree")
	require.NoError(t, err)
	require.Equal(t, "you said one", p.Line())
	require.Equal(t, "you said three", p.Await("three"))
	require.NoError(t, p.Stdin().Close())
	require.Zero(t, p.Exit())
	require.Equal(t, "you said one\nyou said two\nyou said three", p.Stdout())
	require.Equal(t, "bye\n", p.Stderr())
}

func TestTheExitCodeIsThatOfTheProcess(t *testing.T) {
	require.Equal(t, 7, proctest.Start(t, proctest.Program(t, "fail")).Exit())
	p := proctest.Start(t, proctest.Program(t, "echo"))
	p.Kill()
	require.Equal(t, -1, p.Exit())
}
