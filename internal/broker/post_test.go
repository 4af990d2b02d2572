package broker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func TestSuccessIsAckedOnlyWhereAskedFor(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, write)
		quiet, loud := c.message(0, "quiet"), c.message(0, "loud")
		quiet.Flags = 0
		c.post(quiet, loud)
		require.Equal(t, []wire.Ack{{GUID: loud.GUID}}, c.acks())
		q, _ := w.broker.Queue(priorityQueue)
		require.EqualValues(t, 2, q.Messages)
	})
}

func TestPostsThatCanNotBeAreAlwaysNacked(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, write)
		c.open(priorityQueue, 1, read)
		c.open(fanoutQueue, 2, write)
		c.close(params(fanoutQueue, 2, write), true)
		for name, change := range map[string]func(*put){
			"unknown queue":  func(m *put) { m.QueueID = 9 },
			"negative queue": func(m *put) { m.QueueID = -1 },
			"read only":      func(m *put) { m.QueueID = 1 },
			"closed":         func(m *put) { m.QueueID = 2 },
			"unset GUID":     func(m *put) { m.GUID = wire.GUID{} },
		} {
			for _, flags := range []uint8{0, wire.FlagAckRequested} {
				m := c.message(0, "x")
				m.Flags = flags
				change(&m)
				c.post(m)
				require.Equal(t, []wire.Ack{{Status: wire.AckUnknown, GUID: m.GUID, QueueID: m.QueueID}}, c.acks(), name)
			}
		}
	})
}

func TestAMalformedMessageEndsTheEvent(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, sub(1))
		for name, spoil := range map[string]func(*put){
			"CAT":          func(m *put) { m.Compression = 5 },
			"schema":       func(m *put) { m.Schema = 3 },
			"no data":      func(m *put) { m.data = nil },
			"area":         func(m *put) { m.Flags |= wire.FlagProperties; m.Schema = 1 },
			"old, not zip": func(m *put) { m.Flags |= wire.FlagProperties; m.Compression = wire.CompressionZlib },
		} {
			first, second, third := c.message(0, "first"), c.message(0, "second"), c.message(0, "third")
			spoil(&second)
			c.post(first, second, third)
			require.Equal(t, []wire.Ack{{GUID: first.GUID}}, c.acks(), name)
			require.Equal(t, []string{"first"}, c.texts(), name)
		}
		c.produce(0, "the session lives")
	})
}

func TestWhatTheOfficialBrokerDoesNotExamineIsForwarded(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, sub(1))
		flags := c.message(0, "flags")
		flags.Flags |= 4 | 8
		zipped := c.message(0, "not zlib")
		zipped.Compression = wire.CompressionZlib
		properties := c.message(0, "\x1b\x00\x00\x03\x00\xff\xff\xff\xff\xff\xff\x01payload")
		properties.Flags |= wire.FlagProperties
		properties.Schema = 1
		c.post(flags, zipped, properties)
		require.Len(t, c.acks(), 3)
		got := c.pushes()
		require.Len(t, got, 3)
		require.Zero(t, got[0].Flags)
		require.Equal(t, wire.CompressionZlib, got[1].Compression)
		require.Equal(t, string(properties.data), got[2].data)

		// A checksum that is wrong, and options that make no sense.
		m := c.message(0, "crc")
		b := wire.AppendEventHeader(nil, wire.EventPut, 0)
		m.CRC = 1
		b = wire.AppendPutHeader(b, &m.PutHeader, 8, len(m.data))
		b = append(b, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)
		b = wire.AppendPadding(append(b, m.data...), len(m.data))
		wire.FinishEvent(b, 0)
		c.write(b)
		require.Len(t, c.acks(), 1)
		require.Equal(t, []uint32{1}, c.pushes()[0].ids, "options of a PUT do not reach consumers")
	})
}

func TestARepeatedGUIDIsAckedAndNotStored(t *testing.T) {
	config := broker.Config{Domains: []broker.Domain{
		{Name: "d", DeduplicationTime: 10 * time.Second}, {Name: "off", DeduplicationTime: -1},
	}}
	inWorld(t, config, func(t *testing.T, w *world) {
		c, again := w.client(), w.client()
		c.open("bmq://d/q", 0, read|write)
		c.configure(0, sub(1))
		m := c.message(0, "x")
		c.post(m, m)
		require.Equal(t, []wire.AckStatus{0, 0}, c.statuses())
		require.Equal(t, []string{"x"}, c.texts())
		c.confirm(0, 0, m.GUID)
		again.open("bmq://d/q", 0, write)
		after(10 * time.Second)
		again.post(m)
		require.Equal(t, []wire.AckStatus{0}, again.statuses())
		require.Empty(t, c.pushes(), "confirmed, but not forgotten")
		after(time.Second)
		again.post(m)
		require.Equal(t, []wire.AckStatus{0}, again.statuses())
		require.Equal(t, []string{"x"}, c.texts(), "forgotten by now")

		c.open("bmq://off/q", 1, write)
		m.QueueID = 1
		c.post(m, m)
		require.Equal(t, []wire.AckStatus{0, 0}, c.statuses())
		q, _ := w.broker.Queue("bmq://off/q")
		require.EqualValues(t, 1, q.Messages, "what is stored is never stored twice")
	})
}

func TestQuotasAreExceededByOneMessage(t *testing.T) {
	config := broker.Config{Domains: []broker.Domain{
		{Name: "messages", QueueMessages: 3}, {Name: "bytes", QueueBytes: 100},
		{Name: "domain", DomainMessages: 3}, {Name: "both", QueueMessages: 1, QueueBytes: 1, DomainBytes: 1},
		{Name: "dbytes", DomainBytes: 100},
	}}
	sixty := strings.Repeat("x", 60)
	for _, c := range []struct {
		domain string
		texts  []string
		want   []wire.AckStatus
	}{
		{"messages", []string{"1", "2", "3", "4", "5", "6"}, []wire.AckStatus{0, 0, 0, 0, wire.AckLimitMessages, wire.AckLimitMessages}},
		{"bytes", []string{sixty, sixty, sixty}, []wire.AckStatus{0, 0, wire.AckLimitBytes}},
		{"domain", []string{"1", "2", "3", "4", "5"}, []wire.AckStatus{0, 0, 0, 0, wire.AckLimitMessages}},
		{"dbytes", []string{sixty, sixty, sixty}, []wire.AckStatus{0, 0, wire.AckLimitBytes}},
		{"both", []string{sixty, sixty, sixty}, []wire.AckStatus{0, wire.AckLimitBytes, wire.AckLimitBytes}},
	} {
		inWorld(t, config, func(t *testing.T, w *world) {
			p := w.client()
			p.open("bmq://"+c.domain+"/q", 0, read|write)
			var list []put
			for _, text := range c.texts {
				list = append(list, p.message(0, text))
			}
			p.post(list...)
			require.Equal(t, c.want, p.statuses(), c.domain)
			// A NACK comes even without being asked for, and confirms make room.
			m := p.message(0, "more")
			m.Flags = 0
			p.post(m)
			require.Equal(t, c.want[len(c.want)-1:], p.statuses(), c.domain)
			p.configure(0, sub(1))
			for _, m := range p.pushes() {
				p.confirm(0, 0, m.GUID)
			}
			p.produce(0, "again")
		})
	}
}

func TestDomainLimitCountsAllQueues(t *testing.T) {
	inWorld(t, broker.Config{Domains: []broker.Domain{{Name: "d", DomainMessages: 1}}}, func(t *testing.T, w *world) {
		c := w.client()
		c.open("bmq://d/a", 0, write)
		c.open("bmq://d/b", 1, write)
		c.produce(0, "1")
		c.produce(1, "2")
		c.post(c.message(0, "3"), c.message(1, "4"))
		require.Equal(t, []wire.AckStatus{wire.AckLimitMessages, wire.AckLimitMessages}, c.statuses())
	})
}

func TestAcksOfOneEventComeTogetherAndInOrder(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, write)
		c.open(fanoutQueue, 1, write)
		a, b, d := c.message(0, "a"), c.message(1, "b"), c.message(0, "d")
		bad := c.message(9, "bad")
		c.post(a, b, bad, d)
		var guids []wire.GUID
		for _, ack := range c.acks() {
			guids = append(guids, ack.GUID)
		}
		require.Equal(t, []wire.GUID{a.GUID, b.GUID, bad.GUID, d.GUID}, guids)
	})
}

// legacyIdentity is that of the Java SDK: it makes no GUIDs.
func legacyIdentity() ctrl.ClientIdentity {
	id := defaultIdentity()
	id.SDKLanguage, id.GUIDInfo = ctrl.LanguageJava, ctrl.GUIDInfo{}
	id.Features = "PROTOCOL_ENCODING:JSON;MPS:MESSAGE_PROPERTIES_EX"
	return id
}

func TestLegacyClientsGetGUIDsAndTheirCorrelationIds(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.clientAs(legacyIdentity())
		c.open(priorityQueue, 0, read|write)
		c.configure(0, sub(1))
		with := func(qid uint32, id uint32, flags uint8) put {
			m := c.message(qid, "x")
			m.GUID = wire.GUID{0, byte(id >> 16), byte(id >> 8), byte(id)}
			m.Flags = flags
			return m
		}
		c.post(with(0, 0x123456, wire.FlagAckRequested), with(0, 7, 0), with(0, 0, wire.FlagAckRequested), with(9, 8, wire.FlagAckRequested))
		acks, got := c.acks(), c.pushes()
		require.Len(t, acks, 3)
		require.Len(t, got, 3)
		require.Equal(t, wire.Ack{CorrelationID: 0x123456, GUID: got[0].GUID}, acks[0])
		require.Equal(t, wire.Ack{CorrelationID: 7, GUID: got[1].GUID}, acks[1], "the id asks for an ACK, whatever the flag")
		require.Equal(t, wire.Ack{Status: wire.AckUnknown, CorrelationID: 8, QueueID: 9}, acks[2], "no GUID where nothing was stored")
		require.NotEqual(t, got[0].GUID, got[1].GUID)
		c.confirm(0, 0, got[0].GUID, got[1].GUID, got[2].GUID)
		c.settle()
		q, _ := w.broker.Queue(priorityQueue)
		require.Zero(t, q.Messages)
	})
}
