package broker_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

var someProperties = []wire.Property{
	{Name: "a", Type: wire.PropertyString, Str: "x"}, {Name: "b", Type: wire.PropertyInt64, Num: 2},
}

// withoutEx is the identity of a client that reads old style properties only.
func withoutEx() ctrl.ClientIdentity {
	id := defaultIdentity()
	id.Features = "PROTOCOL_ENCODING:BER,JSON"
	return id
}

func deflate(t *testing.T, data string) []byte {
	out, ok := wire.Deflate(nil, []byte(data))
	require.True(t, ok)
	return out
}

func TestNewStylePassesUnchanged(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, sub(1))
		m := c.withProperties(0, string(deflate(t, strings.Repeat("payload", 1000))), someProperties...)
		m.Compression = wire.CompressionZlib
		c.post(m)
		got := c.pushes()
		require.Len(t, got, 1)
		require.Equal(t, string(m.data), got[0].data)
		require.Equal(t, wire.CompressionZlib, got[0].Compression)
		require.Equal(t, wire.SchemaNone, got[0].Schema)
	})
}

func TestClientsWithoutExGetOldStyle(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, old := w.client(), w.clientAs(withoutEx())
		producer.open(priorityQueue, 0, write)
		old.consume(priorityQueue, 0, 1)
		payload := strings.Repeat("payload", 1000)
		plain := producer.withProperties(0, "plain", someProperties...)
		plain.Schema = 3
		zipped := producer.withProperties(0, string(deflate(t, payload)), someProperties...)
		zipped.Compression = wire.CompressionZlib
		bare := producer.message(0, string(deflate(t, payload)))
		bare.Compression = wire.CompressionZlib
		producer.post(plain, zipped, bare)
		got := old.pushes()
		require.Len(t, got, 3)
		area := string(wire.AppendProperties(nil, someProperties, true))
		for i, want := range []string{area + "plain", area + payload} {
			require.Equal(t, wire.SchemaOldStyle, got[i].Schema)
			require.Equal(t, wire.CompressionNone, got[i].Compression)
			require.Equal(t, want, got[i].data)
		}
		require.Equal(t, wire.CompressionZlib, got[2].Compression, "without properties it stays compressed")
		require.Equal(t, string(bare.data), got[2].data)
	})
}

func TestOldStyleIsStoredInflated(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, sub(1))
		whole := string(wire.AppendProperties(nil, someProperties, true)) + strings.Repeat("payload", 1000)
		m := c.message(0, string(deflate(t, whole)))
		m.Flags |= wire.FlagProperties
		m.Compression = wire.CompressionZlib
		c.post(m)
		got := c.pushes()
		require.Len(t, got, 1)
		require.Equal(t, whole, got[0].data)
		require.Equal(t, wire.CompressionNone, got[0].Compression)
		q, _ := w.broker.Queue(priorityQueue)
		require.EqualValues(t, len(whole), q.Bytes)
	})
}

func TestSchemaIdsOfSeveralProducersDoNotMix(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		one, two, c, late := w.client(), w.client(), w.client(), w.client()
		one.open(priorityQueue, 0, write)
		two.open(priorityQueue, 0, write)
		c.consume(priorityQueue, 0, 1)
		post := func(p *peer, field wire.SchemaID) {
			m := p.withProperties(0, "x", someProperties...)
			m.Schema = field
			p.post(m)
			p.settle()
		}
		schemas := func(p *peer) (list []wire.SchemaID) {
			for _, m := range p.pushes() {
				list = append(list, m.Schema)
			}
			return list
		}
		post(one, 3)
		post(two, 3)
		post(one, 2)
		post(two, 2)
		post(one, 3) // the id is used for other names now
		post(one, 2)
		got := c.pushes()
		var ids []wire.SchemaID
		for _, m := range got {
			ids = append(ids, m.Schema)
		}
		require.Equal(t, []wire.SchemaID{3, 5, 2, 4, 3, 2}, ids)
		c.confirm(0, 0, got[0].GUID, got[1].GUID)
		c.vanish()
		late.consume(priorityQueue, 0, 1)
		require.Equal(t, []wire.SchemaID{3, 5, 3, 2}, schemas(late), "odd where the consumer has to learn")
	})
}
