package ports_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/ports"
)

// localPortRange is a socket option of Linux 6.3 and later: between which numbers the
// system picks a port.
const localPortRange = 51

func TestAReservedPortIsGivenToNobodyElse(t *testing.T) {
	address, port := ports.Reserve("127.0.0.1:0")
	require.NotNil(t, port)
	defer func() { _ = port.Close() }() // it may be closed already
	_, text, err := net.SplitHostPort(address)
	require.NoError(t, err)
	number, err := strconv.Atoi(text)
	require.NoError(t, err)

	// pick takes a free port, of which the reserved one is the only candidate.
	pick := func() (net.Listener, error) {
		var failed error
		c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
			return errors.Join(raw.Control(func(fd uintptr) {
				failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, localPortRange, number|number<<16)
			}), failed)
		}}
		return c.Listen(context.Background(), "tcp", "127.0.0.1:0")
	}
	_, err = pick()
	if errors.Is(err, syscall.ENOPROTOOPT) {
		t.Skip("this Linux can't be told which ports to pick")
	}
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	for range 2 {
		_, err := net.Dial("tcp", address)
		require.ErrorIs(t, err, syscall.ECONNREFUSED, "nobody listens")
		l, err := net.Listen("tcp", address)
		require.NoError(t, err)
		c, err := net.Dial("tcp", address)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.NoError(t, l.Close())
	}
	require.NoError(t, port.Close())
	l, err := pick()
	require.NoError(t, err)
	require.Equal(t, address, l.Addr().String())
	require.NoError(t, l.Close())
}

func TestOnlyAFreePortIsReserved(t *testing.T) {
	for _, address := range []string{"127.0.0.1:30114", "[::1]:0", "0.0.0.0:0", ":0", "127.0.0.1", "192.0.2.1:0"} {
		same, port := ports.Reserve(address)
		require.Nil(t, port, address)
		require.Equal(t, address, same)
	}
}

func TestAFreePortIsHeld(t *testing.T) {
	port, held, err := ports.Free()
	require.NoError(t, err)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	_, err = net.Dial("tcp", address)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.NoError(t, held.Close())
	require.ErrorIs(t, held.Close(), os.ErrClosed)
}
