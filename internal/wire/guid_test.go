package wire_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
)

func TestGUIDHasATextForm(t *testing.T) {
	const text = "40000000000000A9976D24E9C83C5EB9"
	id, err := wire.ParseGUID(text)
	require.NoError(t, err)
	require.Equal(t, wire.GUID{0x40, 0, 0, 0, 0, 0, 0, 0xa9, 0x97, 0x6d, 0x24, 0xe9, 0xc8, 0x3c, 0x5e, 0xb9}, id)
	require.Equal(t, text, id.String())
	lower, err := wire.ParseGUID(strings.ToLower(text))
	require.NoError(t, err)
	require.Equal(t, id, lower)
	require.False(t, id.IsZero())
	require.True(t, wire.GUID{}.IsZero())
	require.Equal(t, strings.Repeat("0", 32), wire.GUID{}.String())
}

func TestTextThatIsNoGUIDIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "4", "40000000000000A9976D24E9C83C5EB", "40000000000000A9976D24E9C83C5EB90", "40000000000000A9976D24E9C83C5EB90A",
		"40000000000000A9976D24E9C83C5EBG", "0x000000000000A9976D24E9C83C5EB9", "40000000-0000-A997-6D24-E9C83C5EB",
	} {
		id, err := wire.ParseGUID(text)
		require.Error(t, err, text)
		require.True(t, id.IsZero(), text)
	}
}

func TestGeneratedGUIDHoldsCounterTimeAndClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		g := wire.NewGUIDGenerator("host", start, 4242, 1)
		require.Equal(t, start, g.Epoch())
		require.Len(t, g.ClientID(), 2*wire.ClientIDSize)
		time.Sleep(0x0102030405060708 & (1<<56 - 1))
		for n := range uint64(3) {
			id, count := g.Next()
			require.Equal(t, n, count)
			require.Equal(t, uint32(n), id.Counter())
			require.Equal(t, []byte{0x40, 0, byte(n), 2, 3, 4, 5, 6, 7, 8}, id[:10])
			require.Equal(t, g.ClientID(), id.String()[20:])
		}
	})
}

func TestGUIDCounterWrapsAndTheCountGoesOn(t *testing.T) {
	g := wire.NewGUIDGenerator("host", time.Now(), 1, 1)
	for range wire.GUIDCounterMask {
		g.Next()
	}
	id, n := g.Next()
	require.Equal(t, uint64(wire.GUIDCounterMask), n)
	require.Equal(t, uint32(wire.GUIDCounterMask), id.Counter())
	require.Equal(t, []byte{0x7f, 0xff, 0xff}, id[:3])
	id, n = g.Next()
	require.Equal(t, uint64(wire.GUIDCounterMask+1), n)
	require.Zero(t, id.Counter())
	require.Equal(t, []byte{0x40, 0, 0}, id[:3])
}

func TestClientIDsDiffer(t *testing.T) {
	now := time.Unix(1700000000, 0)
	seen := map[string]bool{}
	for _, g := range []*wire.GUIDGenerator{
		wire.NewGUIDGenerator("host", now, 1, 1),
		wire.NewGUIDGenerator("other", now, 1, 1),
		wire.NewGUIDGenerator("host", now.Add(1), 1, 1),
		wire.NewGUIDGenerator("host", now, 2, 1),
		wire.NewGUIDGenerator("host", now, 1, 2),
	} {
		require.False(t, seen[g.ClientID()])
		seen[g.ClientID()] = true
	}
	require.Equal(t, wire.NewGUIDGenerator("host", now, 1, 1).ClientID(), wire.NewGUIDGenerator("host", now, 1, 1).ClientID())
}
