package interop_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bmqtest"
)

// restored are the events of a session that loses its connection and has one queue.
var restored = []string{"ConnectionLost", "Reconnected", "QueueReopened", "StateRestored"}

func TestPostsSurviveABrokerThatDiesAndComesBack(t *testing.T) {
	pairs(t, func(t *testing.T, one, other language) {
		b := bmqtest.Start(t)
		p := producer(t, one, b, priorityURI)
		c := connect(t, other, b, command{Confirm: true})
		c.do(command{Do: "open", URI: priorityURI, Read: true})
		for _, peer := range []*peer{p, c} {
			require.Equal(t, "Connected", peer.next("event").Name)
		}

		// Some posts are acked, some are under way and some come while nobody listens.
		const underWay, whileDown = 10000, 300
		first := 0
		p.send(command{Do: "flood", URI: priorityURI, First: &first, Count: underWay})
		acks := []output{p.next("ack")}
		b.Kill()
		require.Empty(t, p.next("reply").Error)
		first = underWay
		p.do(command{Do: "flood", URI: priorityURI, First: &first, Count: whileDown})
		require.NoError(t, b.Restart(t.Context(), bmqtest.KeepAll))

		for len(acks) < underWay+whileDown {
			acks = append(acks, p.next("ack"))
		}
		for _, peer := range []*peer{p, c} {
			for _, name := range restored {
				require.Equal(t, name, peer.next("event").Name, peer.lang)
			}
		}
		p.stop()
		require.Empty(t, p.waiting["ack"], "a post was answered twice")
		guids := make(map[string]string) // by the number of the message
		for _, ack := range acks {
			require.Equal(t, "SUCCESS", ack.Status)
			tag := strconv.Itoa(ack.Tag)
			require.Empty(t, guids[tag], "a post was answered twice")
			guids[tag] = ack.GUID
		}

		// Nothing is lost, and what was sent twice is stored once: the GUID of a message is
		// that of its ack however often it is delivered. The order is kept.
		for expected := 0; expected < len(guids); {
			m := c.next("message")
			require.Equal(t, guids[string(m.Data)], m.GUID)
			tag, err := strconv.Atoi(string(m.Data))
			require.NoError(t, err)
			require.LessOrEqual(t, tag, expected, "a message overtook another one")
			if tag == expected {
				expected++
			}
		}
		c.stop()
	})
}

func TestUnconfirmedMessagesComeAgainAfterTheBrokerCameBack(t *testing.T) {
	pairs(t, func(t *testing.T, one, other language) {
		b := bmqtest.Start(t)
		p, c := producer(t, one, b, priorityURI), consumer(t, other, b, priorityURI)
		guid := p.mustPost(priorityURI, "in hand")
		c.receive("in hand")
		require.NoError(t, b.Restart(t.Context(), bmqtest.KeepAll))
		for _, peer := range []*peer{p, c} {
			peer.event("StateRestored")
		}
		again := c.receive("in hand")
		require.Equal(t, guid, again.GUID)
		c.confirm(again)
		p.mustPost(priorityURI, "after")
		c.receive("after")
	})
}
