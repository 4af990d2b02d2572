package portable

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// keeper is a handler that releases batches when it is told to.
type keeper struct {
	release
	batches []*engine.MessageBatch
}

func (k *keeper) OnMessages(b *engine.MessageBatch) { k.batches = append(k.batches, b) }

func TestLoanLastsAsLongAsItsBatches(t *testing.T) {
	many := pushBody(maxBatchMessages+10, 1) // more than a batch takes
	noZlib := wire.AppendPushHeader(nil, &wire.PushHeader{Compression: wire.CompressionZlib}, 0, 3)
	noZlib = wire.AppendPadding(append(noZlib, "bad"...), 3)
	for name, c := range map[string]struct {
		body    []byte
		batches int
	}{
		"one batch":         {pushBody(3, 10), 1},
		"several batches":   {many, 2},
		"for nobody":        {appendPush(nil, 77, 1, "data", 9), 0},
		"unreadable":        {noZlib, 0},
		"malformed at last": {append(pushBody(2, 10), 1, 2, 3), 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1)
			k := new(keeper)
			r.s.handler = k
			l := lend(c.body)
			r.s.onPush(r.c, l.chunk.buf, l)
			require.Len(t, k.batches, c.batches)
			for _, b := range k.batches {
				require.NotNil(t, l.chunk, "it is still needed")
				b.Release()
			}
			require.Nil(t, l.chunk, "it was returned")
		})
	}
}
