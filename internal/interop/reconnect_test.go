package interop_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bmqtest"
)

// restored are the events of a session that loses its connection and has one queue.
var restored = []string{"ConnectionLost", "Reconnected", "QueueReopened", "StateRestored"}

// flood has a peer begin to post messages, which have their numbers as payload.
func (p *peer) flood(uri string, first, count int) {
	p.t.Helper()
	p.send(command{Do: "flood", URI: uri, First: &first, Count: count})
}

// acksOf waits for the acks of messages 0 to n-1, which must be one success for each,
// and stops the producer. It returns the messages' GUIDs.
func acksOf(t *testing.T, p *peer, n int) []string {
	t.Helper()
	guids := make([]string, n)
	for range n {
		ack := p.next("ack")
		require.Equal(t, "SUCCESS", ack.Status)
		require.Empty(t, guids[ack.Tag], "a post was answered twice")
		guids[ack.Tag] = ack.GUID
	}
	p.stop()
	require.Empty(t, p.waiting["ack"], "a post was answered twice")
	return guids
}

// requireAll has a consumer receive all messages with the given GUIDs. Some may come
// more than once, with the GUID they had: none is stored twice, and none overtakes
// another one.
func requireAll(t *testing.T, c *peer, guids []string) {
	t.Helper()
	for expected := 0; expected < len(guids); {
		m := c.next("message")
		n, err := strconv.Atoi(string(m.Data))
		require.NoError(t, err)
		require.Equal(t, guids[n], m.GUID)
		require.LessOrEqual(t, n, expected, "a message overtook another one")
		if n == expected {
			expected++
		}
	}
}

// requireRestored waits for the events of a connection that was lost and made again.
func requireRestored(t *testing.T, peers ...*peer) {
	t.Helper()
	for _, p := range peers {
		p.event(restored[0])
		for _, name := range restored[1:] {
			require.Equal(t, name, p.next("event").Name, p.lang)
		}
	}
}

func TestPostsSurviveABrokerThatDiesAndComesBack(t *testing.T) {
	pairs(t, func(t *testing.T, one, other language) {
		b := bmqtest.Start(t)
		p := producer(t, one, b, priorityURI)
		c := connect(t, other, b, command{Confirm: true})
		c.do(command{Do: "open", URI: priorityURI, Read: true})

		// Some posts are acked, some are under way and some come while nobody listens.
		const underWay, whileDown = 10000, 300
		p.flood(priorityURI, 0, underWay)
		for len(p.waiting["ack"]) == 0 {
			p.keep(p.Line())
		}
		b.Kill()
		require.Empty(t, p.next("reply").Error)
		p.flood(priorityURI, underWay, whileDown)
		require.Empty(t, p.next("reply").Error)
		require.NoError(t, b.Restart(t.Context(), bmqtest.KeepAll))

		requireRestored(t, p, c)
		requireAll(t, c, acksOf(t, p, underWay+whileDown))
		c.stop()
	})
}

func TestPostsWhoseAcksWereLostAreAnsweredAndStoredOnce(t *testing.T) {
	pairs(t, func(t *testing.T, one, other language) {
		b := bmqtest.Start(t)
		p, c := producer(t, one, b, priorityURI), consumer(t, other, b, priorityURI)
		const n = 100
		b.HoldAcks(true)
		p.flood(priorityURI, 0, n)
		for range n { // the broker has them all, and has answered for none
			c.next("message")
		}
		require.Empty(t, p.waiting["ack"])
		b.Kill()
		b.HoldAcks(false)
		require.NoError(t, b.Restart(t.Context(), bmqtest.KeepAll))
		requireRestored(t, p, c)

		requireAll(t, c, acksOf(t, p, n))
		last := producer(t, one, b, priorityURI)
		last.mustPost(priorityURI, "last")
		c.receive("last")
	})
}

func TestAConnectionCutWithinAFrameIsHealed(t *testing.T) {
	pythonCommand(t)
	for _, tc := range []struct {
		name  string
		fault bmqtest.Fault
	}{
		{"of acks", bmqtest.Fault{On: bmqtest.Sending, Event: bmqtest.EventAck, Do: bmqtest.Cut, Bytes: 30, Times: 1}},
		{"of messages", bmqtest.Fault{On: bmqtest.Sending, Event: bmqtest.EventPush, Do: bmqtest.Cut, Bytes: 50, Times: 1}},
		{"of posts", bmqtest.Fault{On: bmqtest.Receiving, Event: bmqtest.EventPut, Do: bmqtest.Cut, Times: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pairs(t, func(t *testing.T, one, other language) {
				b := bmqtest.Start(t)
				p := producer(t, one, b, priorityURI)
				c := connect(t, other, b, command{Confirm: true})
				c.do(command{Do: "open", URI: priorityURI, Read: true})
				cut := b.Inject(tc.fault)
				const n = 1000
				p.flood(priorityURI, 0, n)
				guids := acksOf(t, p, n)
				requireAll(t, c, guids)
				require.Equal(t, 1, cut.Hits())
			})
		})
	}
}

func TestUnconfirmedMessagesComeAgainAfterTheBrokerCameBack(t *testing.T) {
	pairs(t, func(t *testing.T, one, other language) {
		b := bmqtest.Start(t)
		p, c := producer(t, one, b, priorityURI), consumer(t, other, b, priorityURI)
		guid := p.mustPost(priorityURI, "in hand")
		c.receive("in hand")
		require.NoError(t, b.Restart(t.Context(), bmqtest.KeepAll))
		requireRestored(t, p, c)
		again := c.receive("in hand")
		require.Equal(t, guid, again.GUID)
		c.confirm(again)
		p.mustPost(priorityURI, "after")
		c.receive("after")
	})
}
