package bmq

import (
	"testing"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/stretchr/testify/require"
)

// TestInboxThatIsNeverEmptyDoesNotGrow: there is always a message more than is taken.
func TestInboxThatIsNeverEmptyDoesNotGrow(t *testing.T) {
	var held int64
	c := &core{inbox: &inbox{hold: func(n int64) { held += n }}}
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
