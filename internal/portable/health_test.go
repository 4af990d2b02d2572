package portable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func (sc *scene) healthy()   { sc.s.SetHostHealth(true) }
func (sc *scene) unhealthy() { sc.s.SetHostHealth(false) }

func TestHealthWithoutQueuesThatCare(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", reader|writer)
		for range 3 {
			sc.unhealthy()
			sc.unhealthy()
			sc.healthy()
			sc.healthy()
			sc.expect("HOST_UNHEALTHY", "HOST_HEALTH_RESTORED")
		}
		l.silent(time.Second)
	})
}

func TestQueuesAreSuspendedAndResumed(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		r := l.open("r", reader|sensitive)
		w := l.open("w", writer|sensitive)
		plain := l.open("plain", reader|writer)
		sc.unhealthy()
		suspend := l.request(deconfig)
		sc.expect("HOST_UNHEALTHY", "QUEUE_SUSPENDED w")
		require.Equal(t, "QUEUE_SUSPENDED", codeName(w.post("m")))
		plain.posts("m")
		l.puts()
		l.push(0, 1, "on its way", 1)
		l.agree(suspend)
		l.push(0, 2, "too late", 1)
		sc.expect("message r on its way", "QUEUE_SUSPENDED r")
		require.Equal(t, "ok", r.confirm(1))
		l.confirms()

		sc.healthy()
		resume := l.request(configure)
		sc.expect("QUEUE_RESUMED w")
		w.posts("m")
		l.puts()
		l.agree(resume)
		sc.expect("QUEUE_RESUMED r", "HOST_HEALTH_RESTORED")
		l.push(0, 3, "again", sIDs(resume)...)
		sc.expect("message r again")
		l.silent(time.Second)
	})
}

func TestAReaderAndWriterIsClosedForPostsAtOnceAndOpenWhenItIsResumed(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader|writer|sensitive)
		sc.unhealthy()
		require.Equal(t, "QUEUE_SUSPENDED", codeName(c.post("m")))
		l.does(deconfig)
		sc.healthy()
		resume := l.request(configure)
		require.Equal(t, "QUEUE_SUSPENDED", codeName(c.post("m")))
		l.agree(resume)
		c.posts("m")
		sc.expect("HOST_UNHEALTHY", "QUEUE_SUSPENDED q", "QUEUE_RESUMED q", "HOST_HEALTH_RESTORED")
	})
}

func TestFastTogglingSettlesInTheLastState(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", reader|sensitive)
		sc.unhealthy()
		sc.healthy()
		sc.unhealthy()
		sc.healthy()
		l.does(deconfig, configure)
		sc.expect("HOST_UNHEALTHY", "QUEUE_SUSPENDED q", "QUEUE_RESUMED q", "HOST_HEALTH_RESTORED")
		sc.unhealthy()
		suspend := l.request(deconfig)
		sc.healthy()
		sc.unhealthy()
		l.agree(suspend)
		l.silent(time.Second)
		sc.expect("HOST_UNHEALTHY", "QUEUE_SUSPENDED q")
	})
}

func TestAFailedSuspensionCostsTheConnection(t *testing.T) {
	for name, fail := range map[string]func(*link, *ctrl.ControlMessage) string{
		"refused": func(l *link, req *ctrl.ControlMessage) string {
			l.deny(req, ctrl.StatusRefused, "no")
			return "REFUSED"
		},
		"timeout": func(l *link, _ *ctrl.ControlMessage) string { l.pass(5 * time.Minute); return "TIMEOUT" },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, sc *scene) {
				l := sc.up()
				l.open("q", reader|sensitive)
				sc.unhealthy()
				code := fail(l, l.request(deconfig))
				l.gone()
				sc.expect("HOST_UNHEALTHY", "QUEUE_SUSPENDED q "+code, "CONNECTION_LOST")
				l = sc.back()
				l.does(openQueue)
				sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
				sc.healthy()
				l.does(configure)
				sc.expect("QUEUE_RESUMED q", "HOST_HEALTH_RESTORED")
			})
		})
	}
}

func TestAFailedResumptionIsReportedOnly(t *testing.T) {
	for name, fail := range map[string]func(*link, *ctrl.ControlMessage) string{
		"refused": func(l *link, req *ctrl.ControlMessage) string {
			l.deny(req, ctrl.StatusRefused, "no")
			return "REFUSED"
		},
		"timeout": func(l *link, late *ctrl.ControlMessage) string {
			l.pass(5 * time.Minute)
			l.agree(late)
			return "TIMEOUT"
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, sc *scene) {
				l := sc.up()
				l.open("q", reader|sensitive)
				sc.unhealthy()
				l.does(deconfig)
				sc.healthy()
				code := fail(l, l.request(configure))
				sc.expect("HOST_UNHEALTHY", "QUEUE_SUSPENDED q", "QUEUE_RESUMED q "+code, "HOST_HEALTH_RESTORED")
				l.silent(time.Second)
			})
		})
	}
}

func TestQueuesOpenedWhileTheHostIsUnhealthy(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		sc.unhealthy()
		sc.opens("r", reader|sensitive)
		sc.opens("w", writer|sensitive)
		l.does(openQueue, openQueue) // no configure
		sc.expect("HOST_UNHEALTHY", "open r ok", "open w ok")
		l.open("plain", reader)
		sc.healthy()
		l.does(configure)
		sc.expect("QUEUE_RESUMED w", "QUEUE_RESUMED r", "HOST_HEALTH_RESTORED")
	})
}

func TestAHostThatIsUnhealthyAtTheStart(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.cfg.HostHealthy = false
		sc.begin()
		l := sc.back()
		sc.expect("HOST_UNHEALTHY", "CONNECTED", "start ok")
		sc.opens("r", reader|sensitive)
		l.does(openQueue)
		sc.healthy()
		l.does(configure)
		sc.expect("open r ok", "QUEUE_RESUMED r", "HOST_HEALTH_RESTORED")
	})
	play(t, func(t *testing.T, sc *scene) {
		sc.s = New(sc.cfg)
		sc.unhealthy()
		go sc.s.Start(t.Context())
		sc.accept().negotiate()
		sc.expect("HOST_UNHEALTHY", "CONNECTED")
	})
}

func TestTheHostBecomesUnhealthyWhileAQueueIsOpened(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		sc.opens("q", reader|sensitive)
		l.does(openQueue)
		req := l.request(configure)
		sc.unhealthy()
		l.agree(req)
		sc.expect("HOST_UNHEALTHY", "open q ok")
		l.does(deconfig)
		sc.expect("QUEUE_SUSPENDED q")
	})
}

func TestTheHostBecomesUnhealthyWhileAQueueIsReopened(t *testing.T) {
	for _, recovers := range []bool{false, true} {
		play(t, func(t *testing.T, sc *scene) {
			l, _, req := reopening(sc, reader|sensitive)
			sc.unhealthy()
			if recovers {
				sc.healthy()
				l.agree(req)
				l.does(configure)
				sc.expect("HOST_UNHEALTHY", "HOST_HEALTH_RESTORED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
				return
			}
			l.agree(req)
			sc.expect("HOST_UNHEALTHY", "QUEUE_REOPEN_RESULT q", "QUEUE_SUSPENDED q", "STATE_RESTORED")
			l.silent(time.Second)
		})
	}
	play(t, func(t *testing.T, sc *scene) {
		l, _, req := reconfiguring(sc, reader|sensitive)
		sc.unhealthy()
		l.agree(req)
		sc.expect("HOST_UNHEALTHY", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
		l.does(deconfig)
		sc.expect("QUEUE_SUSPENDED q")
	})
}

func TestHealthChangesDuringAnOutageTakeEffectAtOnce(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		c := pending(sc, reader|writer|sensitive)
		sc.unhealthy()
		sc.expect("HOST_UNHEALTHY", "QUEUE_SUSPENDED q")
		require.Equal(t, "QUEUE_SUSPENDED", codeName(c.post("m")))
		sc.healthy()
		sc.expect("QUEUE_RESUMED q", "HOST_HEALTH_RESTORED")
		c.posts("m")
		sc.unhealthy()
		sc.expect("HOST_UNHEALTHY", "QUEUE_SUSPENDED q")
		l := sc.back()
		l.does(openQueue)
		sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
		require.Len(t, l.puts(), 1, "what was taken over before")
		sc.healthy()
		l.does(configure)
		sc.expect("QUEUE_RESUMED q", "HOST_HEALTH_RESTORED")
	})
}

func TestTheHostRecoversWhileASuspendedQueueIsReopened(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		pending(sc, reader|sensitive)
		sc.unhealthy()
		l := sc.back()
		req := l.request(openQueue)
		sc.healthy()
		sc.expect("HOST_UNHEALTHY", "QUEUE_SUSPENDED q", "RECONNECTED")
		l.agree(req)
		conf := l.request(configure)
		sc.unhealthy() // and is ill again
		l.agree(conf)
		sc.expect("QUEUE_REOPEN_RESULT q", "QUEUE_RESUMED q", "STATE_RESTORED")
		l.does(deconfig)
		sc.expect("QUEUE_SUSPENDED q")
	})
}

func TestClosingASuspendedQueueThatIsReopenedAndConfigured(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		c := pending(sc, reader|sensitive)
		sc.unhealthy()
		l := sc.back()
		req := l.request(openQueue)
		sc.healthy()
		l.agree(req)
		conf := l.request(configure)
		c.closes()
		l.agree(conf)
		l.does(closeQueue)
		sc.expect("HOST_UNHEALTHY", "QUEUE_SUSPENDED q", "RECONNECTED", "STATE_RESTORED", "HOST_HEALTH_RESTORED", "close q ok")
	})
}

func TestTheConnectionIsLostWhileAQueueIsSuspendedOrResumed(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", reader|sensitive)
		sc.unhealthy()
		l.request(deconfig)
		l.drop()
		sc.expect("HOST_UNHEALTHY", "CONNECTION_LOST", "QUEUE_SUSPENDED q")
		l = sc.back()
		l.does(openQueue)
		sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
		sc.healthy()
		l.request(configure)
		l.drop()
		sc.expect("CONNECTION_LOST", "QUEUE_RESUMED q", "HOST_HEALTH_RESTORED")
		sc.back().does(openQueue, configure)
		sc.expect("RECONNECTED", "QUEUE_REOPEN_RESULT q", "STATE_RESTORED")
	})
}

func TestConfiguringChangesWhetherAQueueCares(t *testing.T) {
	caring := defaultOptions
	caring.SuspendsOnBadHostHealth = true
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c, w := l.open("q", reader), l.open("w", writer)
		sc.unhealthy()
		sc.expect("HOST_UNHEALTHY")
		c.configures(caring)
		w.configures(caring)
		sc.expect("QUEUE_SUSPENDED w", "configure w ok")
		l.does(configure)
		sc.expect("configure q ok")
		l.does(deconfig)
		sc.expect("QUEUE_SUSPENDED q")

		indifferent := limited(7)
		c.configures(indifferent)
		w.configures(indifferent)
		resume := l.request(configure)
		require.Equal(t, int64(7), messages(resume))
		l.agree(resume)
		sc.expect("configure q ok", "QUEUE_RESUMED w", "configure w ok", "QUEUE_RESUMED q")
		sc.healthy()
		sc.expect("HOST_HEALTH_RESTORED")
	})
}

func TestConfiguringASuspendedQueueIsForItsResumption(t *testing.T) {
	caring := limited(7)
	caring.SuspendsOnBadHostHealth = true
	for name, test := range map[string]struct {
		configures func(*scene, *link, *client)
		want       []string
	}{
		"suspended": {func(_ *scene, l *link, c *client) { l.does(deconfig); c.configures(caring) },
			[]string{"HOST_UNHEALTHY", "QUEUE_SUSPENDED q", "configure q ok"}},
		"being suspended": {func(_ *scene, l *link, c *client) { c.configures(caring); l.does(deconfig) },
			[]string{"HOST_UNHEALTHY", "configure q ok", "QUEUE_SUSPENDED q"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, sc *scene) {
				l := sc.up()
				c := l.open("q", reader|sensitive)
				sc.unhealthy()
				test.configures(sc, l, c)
				sc.expect(test.want...)
				sc.healthy()
				resume := l.request(configure)
				require.Equal(t, int64(7), messages(resume))
				l.agree(resume)
				sc.expect("QUEUE_RESUMED q", "HOST_HEALTH_RESTORED")
			})
		})
	}
}

func TestConfiguringAQueueThatIsBeingResumedReachesTheBroker(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader|sensitive)
		sc.unhealthy()
		l.does(deconfig)
		sc.healthy()
		resume := l.request(configure)
		opts := limited(7)
		c.configures(opts)
		next := l.request(configure)
		require.Equal(t, int64(7), messages(next))
		l.agree(resume)
		l.agree(next)
		sc.expect("HOST_UNHEALTHY", "QUEUE_SUSPENDED q", "QUEUE_RESUMED q", "HOST_HEALTH_RESTORED", "configure q ok")
	})
}

func TestAKeptConfigureDoesNotWakeAQueueThatWasSuspendedMeanwhile(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader|sensitive)
		opts := limited(7)
		opts.SuspendsOnBadHostHealth = true
		c.configures(opts)
		l.request(configure)
		l.drop()
		sc.unhealthy()
		l = sc.back()
		l.does(openQueue)
		sc.expect("CONNECTION_LOST", "HOST_UNHEALTHY", "QUEUE_SUSPENDED q",
			"RECONNECTED", "QUEUE_REOPEN_RESULT q", "configure q ok", "STATE_RESTORED")
		l.silent(time.Second)
		sc.healthy()
		require.Equal(t, int64(7), messages(l.request(configure)))
	})
}

func TestClosingASuspendedQueue(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader|sensitive)
		d := l.open("d", reader|sensitive)
		e := l.open("e", reader|sensitive)
		sc.unhealthy()
		l.does(deconfig, deconfig)
		last := l.request(deconfig)
		c.closes()
		e.closes()
		closeC, deconfE := l.request(closeQueue), l.request(deconfig)
		l.agree(last)
		sc.expect("HOST_UNHEALTHY", "QUEUE_SUSPENDED q", "QUEUE_SUSPENDED d", "QUEUE_SUSPENDED e")
		sc.healthy()
		resume := l.request(configure)
		d.closes()
		deconfD := l.request(deconfig)
		l.agree(closeC)
		l.agree(deconfE)
		l.does(closeQueue)
		l.agree(resume)
		l.agree(deconfD)
		l.does(closeQueue)
		sc.expect("close q ok", "close e ok", "QUEUE_RESUMED d", "HOST_HEALTH_RESTORED", "close d ok")
	})
}

func TestHealthOfASessionThatStops(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		l.open("q", reader|sensitive)
		sc.unhealthy()
		l.request(deconfig)
		sc.stops()
		sc.healthy()
		sc.unhealthy()
		l.does(disconnect)
		sc.healthy()
		sc.expect("HOST_UNHEALTHY", "DISCONNECTED", "stop ok")
	})
}

func TestHealthDoesNotMeddleWithALateConfigure(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		c := l.open("q", reader|sensitive)
		c.configuresFor(engine.QueueOptions{MaxUnconfirmedMessages: 5, SuspendsOnBadHostHealth: true}, time.Second)
		late := l.request(configure)
		sc.pass(time.Second)
		sc.unhealthy()
		suspend := l.request(deconfig)
		l.agree(late)
		l.agree(suspend)
		sc.expect("configure q TIMEOUT", "HOST_UNHEALTHY", "QUEUE_SUSPENDED q")
		l.silent(time.Second)
	})
}

func TestAQueueThatTheNextBrokerCannotResume(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		l := sc.up()
		opts := defaultOptions
		opts.SuspendsOnBadHostHealth = true
		opts.Subscriptions = []engine.Subscription{{Expression: "x > 1", MaxUnconfirmedMessages: 1}}
		sc.opensWith("q", reader, opts)
		l.does(openQueue, configure)
		sc.unhealthy()
		l.does(deconfig)
		l.drop()
		withFeatures(sc, noSubscriptions)
		l = sc.back()
		l.does(openQueue)
		sc.rec.take()
		sc.healthy()
		sc.expect("QUEUE_RESUMED q NOT_SUPPORTED", "HOST_HEALTH_RESTORED")
		l.silent(time.Second)
	})
}
