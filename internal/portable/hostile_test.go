package portable

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// hostileEvents are events after which the session goes on, nothing delivered.
var hostileEvents = map[string]func() []byte{
	"header words beyond the event": func() []byte { return []byte{0, 0, 0, 8, 0x44, 63, 0, 0} },
	"no header words":               func() []byte { return []byte{0, 0, 0, 8, 0x44, 0, 0, 0} },
	"five bytes":                    func() []byte { return []byte{0, 0, 0, 5, 0x44} },
	"type 0":                        func() []byte { return eventHeader(0, 0) },
	"type 40":                       func() []byte { return append(eventHeader(40, 4), "abcd"...) },
	"cluster state":                 func() []byte { return append(eventHeader(wire.EventClusterState, 4), "abcd"...) },
	"a PUT":                         func() []byte { return append(eventHeader(wire.EventPut, 4), "abcd"...) },
	"a CONFIRM":                     func() []byte { return append(eventHeader(wire.EventConfirm, 4), "abcd"...) },
	"a heartbeat answer":            func() []byte { return wire.HeartbeatRsp },
	"an authentication":             func() []byte { return append(eventHeader(wire.EventAuthentication, 4), "abcd"...) },

	"an empty control event": func() []byte { return eventHeader(wire.EventControl, 0) },
	"control garbage":        func() []byte { return append(eventHeader(wire.EventControl, 4), "abcd"...) },
	"control in no encoding": func() []byte { b := append(eventHeader(wire.EventControl, 4), "abcd"...); b[6] = 0xe0; return b },
	"control JSON garbage":   func() []byte { b := append(eventHeader(wire.EventControl, 4), "{]}\x01"...); b[6] = 0x20; return b },
	"control without number": func() []byte { return controlEvent(nil, ctrl.Choice{CloseQueueResponse: &ctrl.Empty{}}) },
	"an unknown number":      func() []byte { return controlEvent(rid(999), ctrl.Choice{CloseQueueResponse: &ctrl.Empty{}}) },
	"a negative number":      func() []byte { return controlEvent(rid(-1), ctrl.Choice{CloseQueueResponse: &ctrl.Empty{}}) },
	"an answer that came":    func() []byte { return controlEvent(rid(1), ctrl.Choice{CloseQueueResponse: &ctrl.Empty{}}) },
	"a request":              func() []byte { return controlEvent(rid(2), ctrl.Choice{Disconnect: &ctrl.Empty{}}) },
	"a broker's second answer": func() []byte {
		return ctrl.AppendEvent(nil, 0, &ctrl.NegotiationMessage{BrokerResponse: &ctrl.BrokerResponse{}})
	},

	"an empty PUSH":               func() []byte { return eventHeader(wire.EventPush, 0) },
	"a PUSH beyond the event":     func() []byte { return pushEvent(0, func(b []byte) { b[3] = 200 }) },
	"a PUSH of no words":          func() []byte { return pushEvent(0, func(b []byte) { b[3] = 0 }) },
	"options beyond the message":  func() []byte { return pushEvent(0, func(b []byte) { b[6] = 200 }) },
	"padding above 4":             func() []byte { return pushEvent(0, func(b []byte) { b[len(b)-1] = 9 }) },
	"padding of 0":                func() []byte { return pushEvent(0, func(b []byte) { b[len(b)-1] = 0 }) },
	"no application data":         func() []byte { return append(eventHeader(wire.EventPush, 36), appendPush(nil, 0, 1, "")...) },
	"unknown compression":         func() []byte { return pushEvent(0, func(b []byte) { b[7] |= 5 << 5 }) },
	"a schema without properties": func() []byte { return pushEvent(0, func(b []byte) { b[29] = 1 }) },
	"an unknown queue":            func() []byte { return pushEvent(77, nil, 1) },
	"a queue number below 0":      func() []byte { return pushEvent(-1, nil, 1) },
	"an unknown subscription":     func() []byte { return pushEvent(0, nil, 999) },
	"option type 0":               func() []byte { return pushEvent(0, func(b []byte) { b[32] = 0 }, 1) },
	"an unknown option":           func() []byte { return pushEvent(0, func(b []byte) { b[32] = 50 << 2 }, 1) },
	"an option of no words":       func() []byte { return pushEvent(0, func(b []byte) { b[35] = 0 }, 1) },
	"an option beyond the others": func() []byte { return pushEvent(0, func(b []byte) { b[35] = 9 }, 1) },

	"an empty ACK":              func() []byte { return eventHeader(wire.EventAck, 0) },
	"ACK records of no words":   func() []byte { return ackEvent(func(b []byte) { b[0] = 0x10 }) },
	"an ACK header of no words": func() []byte { return ackEvent(func(b []byte) { b[0] = 0x06 }) },
	"half an ACK record":        func() []byte { b := ackEvent(nil); b[3] -= 8; return b[:len(b)-8] },
	"an ACK of nothing":         func() []byte { return ackEvent(nil) },
	"a NACK of nothing":         func() []byte { return ackEvent(func(b []byte) { b[4] = 5 }) },
}

func rid(n int32) *int32 { return &n }

func controlEvent(rid *int32, c ctrl.Choice) []byte {
	return ctrl.AppendEvent(nil, wire.EncodingBER, &ctrl.ControlMessage{RID: rid, Choice: c})
}

func pushEvent(qid int32, spoil func([]byte), ids ...uint32) []byte {
	body := appendPush(nil, qid, 1, "hostile", ids...)
	if spoil != nil {
		spoil(body)
	}
	return append(eventHeader(wire.EventPush, len(body)), body...)
}

func ackEvent(spoil func([]byte)) []byte {
	body := wire.AppendAck(wire.AppendRecordHeader(nil), &wire.Ack{GUID: wire.GUID{9}, QueueID: 77})
	if spoil != nil {
		spoil(body)
	}
	return append(eventHeader(wire.EventAck, len(body)), body...)
}

func TestASessionSurvivesHostileEvents(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader|writer)
		for name, make := range hostileEvents {
			l.send(make())
			synctest.Wait()
			for _, note := range sc.rec.take() {
				require.Equal(t, "ERROR UNKNOWN", note, name) // a message that was lost
			}
		}
		l.push(0, 1, "well", 1)
		c.posts("well")
		l.ack(wire.AckSuccess, l.puts()...)
		c.closes()
		l.does(deconfig, closeQueue)
		sc.expect("message q well", "ack well ok", "close q ok")
	})
}

// fatalBytes are not the beginning of an event.
var fatalBytes = map[string][]byte{
	"length 0":                  {0, 0, 0, 0},
	"length 4":                  {0, 0, 0, 4},
	"the fragment bit":          {0x80, 0, 0, 8, 0x44, 2, 0, 0},
	"a length of 2 GiB":         {0x7f, 0xff, 0xff, 0xff, 0x44, 2, 0, 0},
	"a length above 512 MiB":    {0x20, 0, 0, 1, 0x44, 2, 0, 0},
	"something else altogether": []byte("HTTP/1.1"),
}

func TestWhatIsNoEventCostsTheConnection(t *testing.T) {
	for name, b := range fatalBytes {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, sc *scene) {
				l := sc.up()
				l.open("q", reader)
				l.send(b)
				l.gone()
				sc.back().does(openQueue, configure)
				sc.expect("CONNECTION_LOST", "RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
			})
		})
	}
}

func TestWellFormedMessagesAheadOfAMalformedOneAreDelivered(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", reader)
		body := appendPush(nil, 0, 1, "first", 1)
		at := len(body)
		body = appendPush(body, 0, 2, "second", 1)
		body[at+3] = 200
		body = appendPush(body, 0, 3, "third", 1)
		l.event(wire.EventPush, body)
		sc.expect("message q first")
	})
}

func TestOddAcks(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", writer)
		c.posts("3", "8", "15", "twice", "nack", "full", "very full", "early")
		list := l.messages(8)
		for i, status := range []wire.AckStatus{
			3, 8, 15, wire.AckSuccess, wire.AckStorageFailure, wire.AckLimitBytes, wire.AckLimitMessages, wire.AckNotReady,
		} {
			l.ack(status, list[i])
		}
		l.ack(wire.AckSuccess, list...) // nobody waits any more
		l.ack(wire.AckUnknown, list[3])
		sc.expect("ack 3 UNKNOWN", "ack 8 UNKNOWN", "ack 15 UNKNOWN", "ack twice ok", "ack nack -104", "ack full -101",
			"ack very full -100", "ack early NOT_READY")
		c.posts("other queue")
		p := l.puts()[0]
		p.QueueID = 1234
		l.ack(wire.AckSuccess, p)
		sc.expect("ack other queue ok")
	})
}

func TestANackForAPostThatNobodyWaitsForIsLogged(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", writer)
		c.tells("1", "2")
		l.ack(wire.AckLimitMessages, l.messages(2)...)
		sc.expect()
		require.Equal(t, 1, strings.Count(sc.logs.String(), "refused messages"), "once for the event")
		require.Contains(t, sc.logs.String(), `messages=2`)
		require.Contains(t, sc.logs.String(), `"its status"=-100`)
		require.Equal(t, uint64(2), sc.s.Stats().Nacks)
	})
}

func TestAnAckForAPostThatWasNotWritten(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", writer)
		c.posts("a")
		first := l.puts()[0]
		c.posts("b") // the writer holds it, since nobody reads
		synctest.Wait()
		c.posts("c") // in the stream
		guess := first
		for _, n := range []byte{1, 2} {
			guess.GUID[2] = n // virtual time stands still: nothing else differs
			l.ack(wire.AckSuccess, guess)
		}
		sc.expect("ack b ok", "ack c ok")
		require.Len(t, l.messages(2), 2)
		l.ack(wire.AckSuccess, first)
		sc.expect("ack a ok")
		require.Zero(t, sc.s.Stats().PendingBytes)
	})
}

// bomb is a PUSH message that inflates to many times its size.
func bomb(size int) []byte {
	z, ok := wire.Deflate(nil, make([]byte, size))
	if !ok {
		panic("does not compress")
	}
	return z
}

func compressedPush(b, z []byte) []byte {
	b = wire.AppendPushHeader(b, &wire.PushHeader{GUID: wire.GUID{1}, Compression: wire.CompressionZlib}, 0, len(z))
	return wire.AppendPadding(append(b, z...), len(z))
}

func TestInflatedMessagesAreHandedOutInPortions(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", reader)
		z := bomb(4 << 20)
		var body []byte
		for range 5 {
			body = compressedPush(body, z)
		}
		sizes := &portions{recorder: sc.rec}
		sc.s.handler = sizes
		l.event(wire.EventPush, body)
		synctest.Wait()
		require.Equal(t, []int{8 << 20, 8 << 20, 4 << 20}, sizes.bytes)
	})
}

// portions is a handler that notes how large batches are.
type portions struct {
	*recorder
	bytes []int
}

func (p *portions) OnMessages(b *engine.MessageBatch) {
	p.bytes = append(p.bytes, b.Bytes)
	b.Release()
}

func TestOneMessageForVeryManySubscriptionsIsHandedOutInPortions(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", reader)
		sizes := &portions{recorder: sc.rec}
		sc.s.handler = sizes
		ids := bytes.Repeat([]byte{0, 0, 0, 1}, 100_000)
		option := append([]byte{}, wire.AppendSubQueueIDs(nil)...)
		binary.BigEndian.PutUint32(option, binary.BigEndian.Uint32(option)+100_000)
		options := append(option, ids...)
		b := wire.AppendPushHeader(nil, &wire.PushHeader{GUID: wire.GUID{1}}, len(options), 1)
		b = append(append(b, options...), 'm')
		l.event(wire.EventPush, wire.AppendPadding(b, 1))
		synctest.Wait()
		require.Len(t, sizes.bytes, 100_000/maxBatchMessages+1)
	})
}

func TestMessagesThatCannotBeReadAreReportedTogether(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", reader)
		var body []byte
		for range 5 {
			body = compressedPush(body, []byte("no zlib stream"))
		}
		body = appendPush(body, 0, 9, "well", 1)
		body = wire.AppendPushHeader(body, &wire.PushHeader{Flags: wire.FlagProperties, Compression: wire.CompressionZlib}, 0, 4)
		body = wire.AppendPadding(append(body, "old!"...), 4)
		// Properties whose size is nonsense: nobody can tell the payload.
		data := "\x1b\xff\xff\xff\x00\x01rest"
		body = wire.AppendPushHeader(body, &wire.PushHeader{Flags: wire.FlagProperties, Schema: 1, GUID: wire.GUID{2}}, 0, len(data))
		body = wire.AppendPadding(append(body, data...), len(data))
		l.event(wire.EventPush, body)
		sc.expect("message q well", "ERROR UNKNOWN")
		require.Contains(t, sc.logs.String(), "messages=7")
	})
}

func TestAMessageWithBadPropertiesIsDeliveredWithItsPayload(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", reader)
		area := wire.AppendProperties(nil, someProperties, false)
		area[6] = 0xff // the first one's type
		data := append(area, "payload"...)
		b := wire.AppendPushHeader(nil, &wire.PushHeader{Flags: wire.FlagProperties, Schema: 1, GUID: wire.GUID{1}}, 0, len(data))
		l.event(wire.EventPush, wire.AppendPadding(append(b, data...), len(data)))
		sc.expect("message q payload")
		require.ErrorIs(t, sc.rec.messages[0].PropertiesErr, wire.ErrMalformed)
	})
}

// warnings returns the lines of the log that are worse than information.
func (sc *scene) warnings() (lines []string) {
	synctest.Wait()
	for line := range strings.Lines(sc.logs.String()) {
		if _, text, found := strings.Cut(line, "level=WARN "); found {
			lines = append(lines, strings.TrimSpace(text))
		}
	}
	return lines
}

func TestAFloodOfUnroutedMessagesIsLoggedNowAndThen(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		body := appendPush(appendPush(nil, 5, 1, "m", 1), 5, 2, "m", 1)
		for range 1000 {
			l.event(wire.EventPush, body)
		}
		sc.pass(rareEvery)
		l.event(wire.EventPush, body)
		l.event(wire.EventPush, body)
		sc.expect()
		ignored := `msg="ignored messages for queues that are not open" messages=`
		require.Equal(t, []string{ignored + "2", ignored + "2000"}, sc.warnings())
		sc.end()
		require.Equal(t, ignored+"2", sc.warnings()[3], "the rest")
	})
}

func TestAFloodOfRefusalsThatNobodyWaitsForIsLoggedNowAndThen(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", writer)
		for range 1000 {
			c.tells("m")
			l.ack(wire.AckLimitMessages, l.messages(1)...)
		}
		require.Len(t, sc.warnings(), 1)
		sc.pass(rareEvery)
		c.tells("m")
		l.ack(wire.AckLimitMessages, l.messages(1)...)
		sc.expect()
		require.Len(t, sc.warnings(), 2)
		require.Contains(t, sc.warnings()[1], "messages=1000 ")
	})
}

func TestWhatComesDuringAStopInGoodOrderIsNoWarning(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader)
		c.configures(limited(5))
		configuring := l.request(configure)
		go sc.s.Stop(context.Background())
		goodbye := l.request(disconnect)
		for range 10 {
			l.push(0, 1, "m", 1)
		}
		l.agree(configuring)
		l.agree(goodbye)
		sc.expect("configure q NOT_CONNECTED", "DISCONNECTED")
		require.Empty(t, sc.warnings())
	})
}

func TestRoutingAndTimesBeyondReasonAreTaken(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		sc.opens("q", writer)
		req := l.request(openQueue)
		l.control(&ctrl.ControlMessage{RID: req.RID, Choice: ctrl.Choice{OpenQueueResponse: &ctrl.OpenQueueResponse{
			RoutingConfiguration: ctrl.RoutingConfiguration{Flags: 1<<64 - 1}, DeduplicationTimeMs: -5,
		}}})
		sc.expect("open q ok")
		sc.s.queues[0].Post(t.Context(), engine.Put{Payload: []byte("m"), WantAck: true, Cookie: "m"})
		sc.refuse.Store(true)
		l.puts()
		l.drop()
		sc.pass(time.Hour)
		sc.expect("CONNECTION_LOST")
	})
}
