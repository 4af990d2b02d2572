package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBrokersHaveAnAddress(t *testing.T) {
	for uri, want := range map[string]string{
		"tcp://localhost:30114": "localhost:30114", "tcp://127.0.0.1:1/": "127.0.0.1:1", "tcp://[::1]:65535": "[::1]:65535",
	} {
		address, ok := BrokerAddress(uri)
		require.True(t, ok, uri)
		require.Equal(t, want, address)
	}
	for _, uri := range []string{
		"", "/", "localhost:30114", "tcp://localhost", "tcp://:1", "tcp://localhost:0", "tcp://localhost:65536", "tcp://localhost:x",
		"tcp://localhost:1//", "tcp://localhost:1/x", "http://localhost:1", "tcp://::1:1",
	} {
		_, ok := BrokerAddress(uri)
		require.False(t, ok, uri)
	}
}
