package portable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// The stages that scenarios begin with.

// pending is a session without connection that had a queue of the given kind open.
func pending(sc *scene, m mode) *client {
	l := sc.up()
	c := l.open("q", m)
	l.drop()
	sc.expect("CONNECTION_LOST")
	return c
}

// reopening is a session that has just asked for such a queue again.
func reopening(sc *scene, m mode) (*link, *client, *ctrl.ControlMessage) {
	c := pending(sc, m)
	l := sc.back()
	req := l.request(openQueue)
	sc.expect("RECONNECTED")
	return l, c, req
}

// reconfiguring is the same when the queue was opened, but not configured yet.
func reconfiguring(sc *scene, m mode) (*link, *client, *ctrl.ControlMessage) {
	l, c, req := reopening(sc, m)
	l.agree(req)
	return l, c, l.request(configure)
}

// deconfiguring is a reader that is being closed.
func deconfiguring(sc *scene) (*link, *client, *ctrl.ControlMessage) {
	l := sc.up()
	c := l.open("q", reader)
	c.closes()
	return l, c, l.request(deconfig)
}

func closing(sc *scene) (*link, *client, *ctrl.ControlMessage) {
	l, c, req := deconfiguring(sc)
	l.agree(req)
	return l, c, l.request(closeQueue)
}

// timesOut lets the timeout of the operation under way pass, which costs the
// connection.
func timesOut(l *link) {
	l.pass(5 * time.Minute)
	l.gone()
}

// queueScenarios has a scenario for each edge of the queues' table.
var queueScenarios = map[edgeKey[queueState, queueInput]]func(*scene){
	{queueClosed, inOpen}: func(sc *scene) {
		l := sc.up()
		sc.opens("q", reader)
		l.request(openQueue)
	},

	{queueOpening, inOpenedToRead}: func(sc *scene) {
		l := sc.up()
		sc.opens("q", reader)
		l.does(openQueue)
		l.request(configure)
		sc.expect()
	},
	{queueOpening, inOpenedToUse}: func(sc *scene) {
		l := sc.up()
		sc.opens("q", writer)
		l.does(openQueue)
		sc.expect("open q ok")
	},
	{queueOpening, inOpenFailed}: func(sc *scene) {
		l := sc.up()
		sc.opens("q", writer)
		l.deny(l.request(openQueue), ctrl.StatusRefused, "no")
		sc.expect("open q REFUSED")
	},
	{queueOpening, inTimeout}: func(sc *scene) {
		l := sc.up()
		sc.opens("q", writer)
		l.request(openQueue)
		timesOut(l)
		sc.expect("open q TIMEOUT", "CONNECTION_LOST")
	},
	{queueOpening, inConnectionLost}: func(sc *scene) {
		l := sc.up()
		sc.opens("q", writer)
		l.request(openQueue)
		l.drop()
		l = sc.back()
		l.does(openQueue)
		sc.expect("CONNECTION_LOST", "RECONNECTED", "STATE_RESTORED", "open q ok")
	},
	{queueOpening, inSessionStopping}: func(sc *scene) {
		l := sc.up()
		sc.opens("q", writer)
		l.request(openQueue)
		sc.stops()
		sc.expect("open q NOT_CONNECTED")
		l.does(disconnect)
		sc.expect("DISCONNECTED", "stop ok")
	},

	{queueOpenConfiguring, inConfigured}: func(sc *scene) { sc.up().open("q", reader) },
	{queueOpenConfiguring, inConfigureFailed}: func(sc *scene) {
		l := sc.up()
		sc.opens("q", reader)
		l.does(openQueue)
		l.deny(l.request(configure), ctrl.StatusUnknown, "no")
		sc.expect("open q UNKNOWN")
		require.True(sc, l.request(closeQueue).Choice.CloseQueue.IsFinal)
	},
	{queueOpenConfiguring, inTimeout}: func(sc *scene) {
		l := sc.up()
		sc.opens("q", reader)
		l.does(openQueue)
		l.request(configure)
		timesOut(l)
		sc.expect("open q TIMEOUT", "CONNECTION_LOST")
	},
	{queueOpenConfiguring, inConnectionLost}: func(sc *scene) {
		l := sc.up()
		sc.opens("q", reader)
		l.does(openQueue)
		l.request(configure)
		l.drop()
		l = sc.back()
		l.does(openQueue, configure)
		sc.expect("CONNECTION_LOST", "RECONNECTED", "STATE_RESTORED", "open q ok")
	},
	{queueOpenConfiguring, inSessionStopping}: func(sc *scene) {
		l := sc.up()
		sc.opens("q", reader)
		l.does(openQueue)
		l.request(configure)
		sc.stops()
		sc.expect("open q NOT_CONNECTED")
		l.does(disconnect)
	},

	{queueOpened, inCloseDelivering}: func(sc *scene) { deconfiguring(sc) },
	{queueOpened, inClose}: func(sc *scene) {
		l := sc.up()
		l.open("q", writer).closes()
		l.does(closeQueue)
		sc.expect("close q ok")
	},
	{queueOpened, inConnectionLost}: func(sc *scene) { pending(sc, reader) },
	{queueOpened, inSessionStopping}: func(sc *scene) {
		l := sc.up()
		c := l.open("q", writer)
		sc.stops()
		l.does(disconnect)
		sc.expect("DISCONNECTED", "stop ok")
		require.Equal(sc, "QUEUE_INVALID", codeName(c.post("late")))
		c.closes()
		c.configures(defaultOptions)
		sc.expect("close q NOT_CONNECTED", "configure q NOT_CONNECTED")
	},

	{queuePending, inReopen}: func(sc *scene) { reopening(sc, reader) },
	{queuePending, inClose}: func(sc *scene) {
		c := pending(sc, reader)
		c.closes()
		sc.expect("close q ok")
		sc.back().silent(time.Second)
		sc.expect("RECONNECTED", "STATE_RESTORED")
	},
	{queuePending, inSessionStopping}: func(sc *scene) {
		pending(sc, reader)
		sc.stops()
		sc.expect("DISCONNECTED", "stop ok")
	},

	{queueReopening, inOpenedToRead}: func(sc *scene) { reconfiguring(sc, reader) },
	{queueReopening, inOpenedToUse}: func(sc *scene) {
		l, _, req := reopening(sc, writer)
		l.agree(req)
		sc.expect("QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
	},
	{queueReopening, inOpenFailed}: func(sc *scene) {
		c := pending(sc, writer)
		c.posts("m")
		l := sc.back()
		l.deny(l.request(openQueue), ctrl.StatusRefused, "no")
		sc.expect("RECONNECTED", "ack m UNKNOWN", "QUEUE_REOPEN_RESULT q REFUSED", "STATE_RESTORED")
		require.Equal(sc, "QUEUE_INVALID", codeName(c.post("late")))
	},
	{queueReopening, inTimeout}: func(sc *scene) {
		l, _, _ := reopening(sc, writer)
		timesOut(l)
		sc.expect("CONNECTION_LOST")
		sc.back().does(openQueue)
		sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
	},
	{queueReopening, inConnectionLost}: func(sc *scene) {
		l, _, _ := reopening(sc, writer)
		l.drop()
		sc.expect("CONNECTION_LOST")
		sc.back().does(openQueue)
		sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
	},
	{queueReopening, inClose}: func(sc *scene) {
		l, c, _ := reopening(sc, reader)
		c.closes()
		sc.expect("STATE_RESTORED")
		l.does(closeQueue)
		sc.expect("close q ok")
	},
	{queueReopening, inSessionStopping}: func(sc *scene) {
		l, _, _ := reopening(sc, reader)
		sc.stops()
		l.does(disconnect)
		sc.expect("DISCONNECTED", "stop ok")
	},

	{queueReopenConfiguring, inConfigured}: func(sc *scene) {
		l, _, req := reconfiguring(sc, reader)
		l.agree(req)
		sc.expect("QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
	},
	{queueReopenConfiguring, inConfigureFailed}: func(sc *scene) {
		l, _, req := reconfiguring(sc, reader)
		l.deny(req, ctrl.StatusUnknown, "no")
		sc.expect("QUEUE_REOPEN_RESULT q UNKNOWN", "STATE_RESTORED")
		l.does(closeQueue)
		sc.expect()
	},
	{queueReopenConfiguring, inTimeout}: func(sc *scene) {
		l, _, _ := reconfiguring(sc, reader)
		timesOut(l)
		sc.expect("CONNECTION_LOST")
		sc.back().does(openQueue, configure)
		sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
	},
	{queueReopenConfiguring, inConnectionLost}: func(sc *scene) {
		l, _, _ := reconfiguring(sc, reader)
		l.drop()
		sc.expect("CONNECTION_LOST")
		sc.back().does(openQueue, configure)
		sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
	},
	{queueReopenConfiguring, inClose}: func(sc *scene) {
		l, c, late := reconfiguring(sc, reader)
		c.closes()
		sc.expect("STATE_RESTORED")
		req := l.request(closeQueue)
		l.agree(late)
		l.agree(req)
		sc.expect("close q ok")
	},
	{queueReopenConfiguring, inSessionStopping}: func(sc *scene) {
		l, _, _ := reconfiguring(sc, reader)
		sc.stops()
		l.does(disconnect)
		sc.expect("DISCONNECTED", "stop ok")
	},

	{queueCloseDeconfiguring, inConfigured}: func(sc *scene) { closing(sc) },
	{queueCloseDeconfiguring, inConfigureFailed}: func(sc *scene) {
		l, _, req := deconfiguring(sc)
		l.deny(req, ctrl.StatusUnknown, "no")
		l.does(closeQueue)
		sc.expect("close q ok")
	},
	{queueCloseDeconfiguring, inTimeout}: func(sc *scene) {
		l, _, _ := deconfiguring(sc)
		timesOut(l)
		sc.expect("close q TIMEOUT", "CONNECTION_LOST")
	},
	{queueCloseDeconfiguring, inConnectionLost}: func(sc *scene) {
		l, _, _ := deconfiguring(sc)
		l.drop()
		sc.expect("CONNECTION_LOST", "close q CANCELED")
	},
	{queueCloseDeconfiguring, inSessionStopping}: func(sc *scene) {
		l, _, _ := deconfiguring(sc)
		sc.stops()
		sc.expect("close q NOT_CONNECTED")
		l.does(disconnect)
	},

	{queueClosing, inCloseAnswered}: func(sc *scene) {
		l, _, req := closing(sc)
		l.agree(req)
		sc.expect("close q ok")
	},
	{queueClosing, inTimeout}: func(sc *scene) {
		l, _, _ := closing(sc)
		timesOut(l)
		sc.expect("close q TIMEOUT", "CONNECTION_LOST")
	},
	{queueClosing, inConnectionLost}: func(sc *scene) {
		l, _, _ := closing(sc)
		l.drop()
		sc.expect("CONNECTION_LOST", "close q CANCELED")
		sc.back().silent(time.Second)
	},
	{queueClosing, inSessionStopping}: func(sc *scene) {
		l, _, _ := closing(sc)
		sc.stops()
		sc.expect("close q NOT_CONNECTED")
		l.does(disconnect)
	},
}

func TestEveryEdgeOfTheQueueTableIsTaken(t *testing.T) {
	for _, e := range queueTable() {
		name := edgeName("queue", e.from, e.on)
		t.Run(name, func(t *testing.T) {
			scenario := queueScenarios[edgeKey[queueState, queueInput]{e.from, e.on}]
			require.NotNil(t, scenario, "no scenario")
			edges := edgesTaken(func() { play(t, func(_ *testing.T, sc *scene) { scenario(sc) }) })
			require.Contains(t, edges, name)
		})
	}
	require.Len(t, queueScenarios, len(queueTable()), "a scenario without an edge")
}

func TestOtherInputsDoNotMoveAQueue(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.up()
		for state := queueClosed; state <= queueClosing; state++ {
			for on := inOpen; on <= inSessionStopping; on++ {
				if _, ok := queueMachine.edges[edgeKey[queueState, queueInput]{state, on}]; ok {
					continue
				}
				q := &queue{s: sc.s, state: state}
				q.step(on, engine.Status{})
				require.Equal(t, state, q.state, "%v on %v", state, on)
			}
		}
	})
}
