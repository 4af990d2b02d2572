package bmq

import (
	"slices"
	"testing"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/stretchr/testify/require"
)

// TestInboxThatIsNeverEmptyDoesNotGrow: there is always a message more than is taken.
func TestInboxThatIsNeverEmptyDoesNotGrow(t *testing.T) {
	var held int64
	c := &core{inbox: &inbox{hold: func(_ int, n int64) { held += n }}}
	event := []engine.Message{{Owner: new(queue), Data: make([]byte, 10)}}
	c.receive(event)
	for n := byte(1); n < 250; n++ {
		event[0].GUID[0] = n
		c.receive(event)
		m, err := c.inbox.next(t.Context())
		require.NoError(t, err)
		require.Equal(t, n-1, m.GUID[0])
	}
	require.LessOrEqual(t, cap(c.inbox.items), 8)
	require.EqualValues(t, 10, held)
}

func TestPropertiesOfMessagesInTheInboxCount(t *testing.T) {
	var held int64
	c := &core{inbox: &inbox{hold: func(_ int, n int64) { held += n }}}
	area := wire.AppendProperties(nil, []wire.Property{{Name: "p", Type: wire.PropertyBinary, Bin: make([]byte, 1000)}}, false)
	properties, _, err := wire.ParseProperties(area, false)
	require.NoError(t, err)
	c.receive([]engine.Message{{Owner: new(queue), Data: make([]byte, 10), Properties: properties}})
	require.EqualValues(t, 10+properties.Size(), held)
	require.Greater(t, held, int64(1010))
	m, err := c.inbox.next(t.Context())
	require.NoError(t, err)
	require.Len(t, m.Properties()["p"], 1000)
	require.Zero(t, held)
}

func TestInboxGivesBackWhatABacklogTook(t *testing.T) {
	b := &inbox{hold: func(int, int64) {}}
	c := &core{inbox: b}
	one := engine.Message{Owner: new(queue)}
	for range 100 {
		c.receive(slices.Repeat([]engine.Message{one}, 1000))
	}
	for range 100_000 {
		_, err := b.next(t.Context())
		require.NoError(t, err)
	}
	require.LessOrEqual(t, cap(b.items), keptItems)
	c.receive([]engine.Message{one})
	_, err := b.next(t.Context())
	require.NoError(t, err)
}
