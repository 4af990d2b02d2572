package portable

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
)

// stops begins to stop the session.
func (sc *scene) stops() {
	go func() {
		sc.s.Stop(context.Background())
		sc.rec.note("stop ok")
	}()
	synctest.Wait()
}

// sessionScenarios has a scenario for each edge of the session's table.
var sessionScenarios = map[edgeKey[sessionState, sessionInput]]func(*scene){
	{stateStopped, inStart}:      func(sc *scene) { sc.begin(); sc.accept() },
	{stateStarting, inChannelUp}: func(sc *scene) { sc.up() },
	{stateStarting, inStop}: func(sc *scene) {
		sc.begin()
		l := sc.accept()
		l.identity()
		sc.stops()
		l.gone()
		sc.expectAll("start CANCELED", "stop ok")
	},
	{stateStarted, inChannelDown}: func(sc *scene) {
		sc.up().drop()
		sc.expect("CONNECTION_LOST")
	},
	{stateStarted, inStop}: func(sc *scene) {
		l := sc.up()
		sc.stops()
		l.does(disconnect)
		l.gone()
		sc.expect("DISCONNECTED", "stop ok")
	},
	{stateReconnecting, inChannelUp}: func(sc *scene) {
		sc.up().drop()
		sc.back()
		sc.expect("CONNECTION_LOST", "RECONNECTED", "STATE_RESTORED")
	},
	{stateReconnecting, inStop}: func(sc *scene) {
		sc.up().drop()
		sc.expect("CONNECTION_LOST")
		sc.stops()
		sc.expect("DISCONNECTED", "stop ok")
	},
	{stateClosing, inChannelUp}: func(sc *scene) {
		// A negotiation ends in the moment of Stop: the session hears of the connection
		// when it is stopping already.
		l := sc.up()
		sc.stops()
		l.request(disconnect)
		sc.s.mu.Lock()
		sc.s.step(inChannelUp, engine.Status{})
		sc.s.mu.Unlock()
		l.gone()
		sc.expect("DISCONNECTED", "stop ok")
	},
	{stateClosing, inChannelDown}: func(sc *scene) {
		l := sc.up()
		sc.stops()
		l.request(disconnect)
		l.drop()
		sc.expect("DISCONNECTED", "stop ok")
	},
	{stateClosing, inEnded}: func(sc *scene) {
		l := sc.up()
		sc.stops()
		l.does(disconnect)
		sc.expect("DISCONNECTED", "stop ok")
	},
}

func TestEveryEdgeOfTheSessionTableIsTaken(t *testing.T) {
	for _, e := range sessionTable() {
		name := edgeName("session", e.from, e.on)
		t.Run(name, func(t *testing.T) {
			scenario := sessionScenarios[edgeKey[sessionState, sessionInput]{e.from, e.on}]
			require.NotNil(t, scenario, "no scenario")
			edges := edgesTaken(func() { play(t, func(_ *testing.T, sc *scene) { scenario(sc) }) })
			require.Contains(t, edges, name)
		})
	}
	require.Len(t, sessionScenarios, len(sessionTable()), "a scenario without an edge")
}

func TestOtherInputsDoNotMoveASession(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.up()
		for state := stateStopped; state <= stateClosing; state++ {
			for on := inStart; on <= inEnded; on++ {
				if _, ok := sessionMachine.edges[edgeKey[sessionState, sessionInput]{state, on}]; ok {
					continue
				}
				s := &Session{state: state, log: sc.s.log}
				s.step(on, engine.Status{})
				require.Equal(t, state, s.state, "%v on %v", state, on)
			}
		}
	})
}
