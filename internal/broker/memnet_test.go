package broker_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
)

// pair is the two ends of a connection on a memory network.
func pair(t *testing.T) (client, server net.Conn) {
	var n broker.MemoryNetwork
	l, err := n.Listen()
	require.NoError(t, err)
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			accepted <- c
		}
	}()
	client, err = n.DialContext(t.Context())
	require.NoError(t, err)
	server = <-accepted
	require.NoError(t, l.Close())
	return client, server
}

func TestMemoryConnectionsCarryBytesBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		data := bytes.Repeat([]byte("0123456789"), 100_000) // more than the buffers hold
		go func() {
			_, err := a.Write(data)
			require.NoError(t, err)
			require.NoError(t, a.(interface{ CloseWrite() error }).CloseWrite())
		}()
		got, err := io.ReadAll(b)
		require.NoError(t, err)
		require.Equal(t, data, got)
		_, err = b.Write([]byte("back"))
		require.NoError(t, err)
		back := make([]byte, 4)
		_, err = io.ReadFull(a, back)
		require.NoError(t, err)
		require.Equal(t, "back", string(back))
		require.Equal(t, "memory", a.LocalAddr().Network())
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
	})
}

func TestMemoryConnectionsHaveDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		start := time.Now()
		require.NoError(t, a.SetReadDeadline(start.Add(time.Second)))
		_, err := a.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())

		require.NoError(t, a.SetDeadline(time.Now().Add(time.Second)))
		_, err = a.Write(make([]byte, 10<<20))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "nobody reads")
		require.NoError(t, a.SetDeadline(time.Time{}))
		require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Second)))
		require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Hour)))
		go func() {
			time.Sleep(time.Minute)
			_, _ = b.Write([]byte("x"))
		}()
		n, err := a.Read(make([]byte, 1))
		require.NoError(t, err, "a deadline that was moved does not count")
		require.Equal(t, 1, n)
		require.NoError(t, a.SetWriteDeadline(time.Now().Add(time.Hour)))
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
	})
}

func TestMemoryConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		_, err := a.Write([]byte("rest"))
		require.NoError(t, err)
		require.NoError(t, a.Close())
		got, err := io.ReadAll(b)
		require.NoError(t, err)
		require.Equal(t, "rest", string(got))
		_, err = b.Write([]byte("x"))
		require.ErrorIs(t, err, io.ErrClosedPipe)
		_, err = a.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = a.Write([]byte("x"))
		require.ErrorIs(t, err, net.ErrClosed)
		require.NoError(t, b.Close())
	})
}

func TestMemoryNetworkHasOneListener(t *testing.T) {
	var n broker.MemoryNetwork
	_, err := n.DialContext(t.Context())
	require.ErrorContains(t, err, "nobody listens")
	l, err := n.Listen()
	require.NoError(t, err)
	_, err = n.Listen()
	require.Error(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = n.DialContext(ctx)
	require.ErrorIs(t, err, context.Canceled, "nobody accepts")
	require.Equal(t, "memory", l.Addr().String())
	require.NoError(t, l.Close())
	require.ErrorIs(t, l.Close(), net.ErrClosed)
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	l, err = n.Listen()
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

func TestClockFiresWhatIsDueInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := broker.NewClock()
		start := c.Now()
		names := make(chan string, 10)
		add := func(name string, d time.Duration) *broker.Timer {
			return c.AfterFunc(d, func() { names <- name })
		}
		fired := func() (list []string) {
			synctest.Wait()
			for len(names) > 0 {
				list = append(list, <-names)
			}
			return list
		}
		add("c", 3*time.Second)
		add("a", time.Second)
		add("b", 2*time.Second)
		stopped := add("never", time.Second)
		add("later", time.Hour)
		require.True(t, stopped.Stop())
		require.False(t, stopped.Stop())
		require.False(t, (*broker.Timer)(nil).Stop())
		require.NoError(t, c.Advance(3*time.Second))
		require.Equal(t, []string{"a", "b", "c"}, fired())
		require.Equal(t, 3*time.Second, c.Now().Sub(start))
		time.Sleep(time.Hour - 4*time.Second)
		require.Empty(t, fired())
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"later"}, fired(), "what was advanced counts")
	})
}
