package enginetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/sessionevents"
	"pgregory.net/rapid"
)

// modelStep is one thing that happens in a random run.
type modelStep struct {
	kind  modelKind
	who   int // which session
	count int
	rest  bool // all comes to rest before the next step
}

type modelKind int

const (
	stepPost modelKind = iota
	stepConfirm
	stepPause
	stepResume
	stepClose
	stepOpen
	stepCut
	stepIsolate
	stepReconnect
	stepStall
	stepFlow
	stepRestart
	stepWait
	stepKinds
)

func (s modelStep) String() string {
	name := [...]string{"post", "confirm", "pause", "resume", "close", "open", "cut", "isolate", "reconnect", "stall", "flow", "restart", "wait"}[s.kind]
	return fmt.Sprintf("%s by %d, %d, %v", name, s.who, s.count, s.rest)
}

const (
	modelSessions = 3 // a producer and two consumers
	modelSteps    = 30
	modelQueue    = "bmq://" + persistentPriority + "/model"
	modelWindow   = 7

	// In a bubble, waiting takes no time.
	modelPatience = 1000 * time.Hour
	modelRest     = 10 * time.Minute // longer than any pause between attempts to connect
	modelRounds   = 100
)

var modelPlans = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) modelStep {
	return modelStep{
		kind:  modelKind(rapid.IntRange(0, int(stepKinds)-1).Draw(t, "kind")),
		who:   rapid.IntRange(0, modelSessions-1).Draw(t, "who"),
		count: rapid.IntRange(1, 20).Draw(t, "count"),
		rest:  rapid.Bool().Draw(t, "rest"),
	}
}), 1, modelSteps)

// TestRandomRunsKeepTheLedger has sessions and a broker do random things and fail at
// random moments, in a time of their own, and looks at every message's fate.
func TestRandomRunsKeepTheLedger(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan := modelPlans.Draw(rt, "plan")
		var problems []string
		synctest.Test(t, func(*testing.T) { problems = runModel(plan) })
		if len(problems) > 0 {
			rt.Fatalf("%v\n%v", plan, problems)
		}
	})
}

// model is a producer, consumers and their broker.
type model struct {
	*ledger
	ctx       context.Context
	broker    *bmqtest.Broker
	producer  *ledgerProducer
	consumers []*modelConsumer
	lines     []*modelLine // of all sessions, the producer's first
	faults    int
	closed    bool // a consumer gave messages back
}

// modelConsumer is a session that reads the queue, with the messages it has in hand.
type modelConsumer struct {
	*ledgerReader
	mu     sync.Mutex
	inHand []*received
	open   bool
	paused bool
	quiet  int // deliveries when it was paused
	count  int // of deliveries
}

func runModel(plan []modelStep) (problems []string) {
	ctx, cancel := context.WithTimeout(context.Background(), modelPatience)
	defer cancel()
	b, err := bmqtest.New(append(embeddedOptions(BrokerConfig{}), bmqtest.WithInMemoryNetwork())...)
	if err != nil {
		return []string{err.Error()}
	}
	defer b.Kill()
	m := &model{ledger: newLedger(), ctx: ctx, broker: b}
	defer m.stop()
	if err := m.begin(); err != nil {
		return []string{err.Error()}
	}
	for _, s := range plan {
		if err := m.step(s); err != nil {
			return []string{fmt.Sprintf("%v: %v", s, err)}
		}
	}
	return m.finish()
}

// begin makes the sessions.
func (m *model) begin() error {
	for i := range modelSessions {
		line := &modelLine{broker: m.broker}
		m.lines = append(m.lines, line)
		opts := []bmq.Option{
			bmq.WithEngine(bmq.EnginePortable), bmq.WithBroker("tcp://model:1"), bmq.WithDialer(line.dial), bmq.WithLogger(quiet),
			bmq.WithStatsDumpInterval(0),
		}
		if i == 0 {
			s, err := bmq.NewSession(m.ctx, func(sessionevents.SessionEvent) {}, opts...)
			if err != nil {
				return err
			}
			m.producer = m.ledger.producer(&client{Session: s}, modelQueue, "producer")
			if err := s.OpenQueue(m.ctx, modelQueue, bmq.WithWrite()); err != nil {
				return err
			}
			continue
		}
		if err := m.addConsumer(opts); err != nil {
			return err
		}
	}
	return m.consumers[0].reopen(m)
}

func (m *model) addConsumer(opts []bmq.Option) error {
	c := &modelConsumer{ledgerReader: newLedgerReader(modelQueue)}
	s, err := bmq.NewSession(m.ctx, func(ev sessionevents.SessionEvent) {
		if _, lost := ev.(sessionevents.ConnectionLost); lost {
			m.lost(c.ledgerReader)
		}
	}, append(opts, bmq.WithOnMessage(func(msg *bmq.Message, h *bmq.MessageHandle) {
		r := &received{msg, h}
		m.delivered(c.ledgerReader, r)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inHand = append(c.inHand, r)
		c.count++
	}))...)
	if err != nil {
		return err
	}
	c.c = &client{Session: s}
	m.consumers = append(m.consumers, c)
	m.readers = append(m.readers, c.ledgerReader)
	return nil
}

// tolerated lets pass what operations may end with when the connection fails.
func tolerated(err error) error {
	if errors.Is(err, bmq.ErrCanceled) || errors.Is(err, bmq.ErrBrokerTimeout) {
		return nil
	}
	return err
}

func (c *modelConsumer) reopen(m *model) error {
	if c.open {
		return nil
	}
	err := c.c.OpenQueue(m.ctx, modelQueue, bmq.WithRead(), bmq.WithQueueOptions(limit(modelWindow)))
	c.open, c.paused = err == nil, false
	return tolerated(err)
}

// leave gives the messages in hand back.
func (c *modelConsumer) leave(m *model) error {
	if !c.open {
		return nil
	}
	m.closed = true
	m.lost(c.ledgerReader) // what comes from now on is another delivery
	err := c.c.CloseQueue(m.ctx, modelQueue)
	c.open = false
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inHand = nil
	return tolerated(err)
}

// pause has nothing more delivered, or has it again.
func (c *modelConsumer) pause(m *model, on bool) error {
	if !c.open {
		return nil
	}
	o := unpaused(modelWindow)
	if on {
		o = bmq.Paused()
	}
	err := c.c.ConfigureQueue(m.ctx, modelQueue, o)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused, c.quiet = on && err == nil, c.count // after a failure the broker may deliver for a moment
	return tolerated(err)
}

// silent checks that a paused consumer got nothing.
func (c *modelConsumer) silent() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open && c.paused && c.count != c.quiet {
		return fmt.Errorf("a paused consumer got %d messages", c.count-c.quiet)
	}
	return nil
}

// confirmSome confirms up to n messages in hand.
func (c *modelConsumer) confirmSome(m *model, n int) {
	c.mu.Lock()
	n = min(n, len(c.inHand))
	list := slices.Clone(c.inHand[:n])
	c.inHand = c.inHand[n:]
	c.mu.Unlock()
	for _, r := range list {
		m.confirm(c.ledgerReader, r)
	}
}

// step does one step and looks at the consumers.
func (m *model) step(s modelStep) error {
	if err := m.do(s); err != nil {
		return err
	}
	if s.rest {
		synctest.Wait()
	}
	for _, c := range m.consumers {
		if err := c.silent(); err != nil {
			return err
		}
	}
	return nil
}

func (m *model) do(s modelStep) error {
	c := m.consumers[s.who%len(m.consumers)]
	switch s.kind {
	case stepPost:
		for range s.count {
			if err := m.producer.postOne(m.ctx); err != nil {
				return err
			}
		}
	case stepConfirm:
		c.confirmSome(m, s.count)
	case stepPause, stepResume:
		return c.pause(m, s.kind == stepPause)
	case stepClose:
		return c.leave(m)
	case stepOpen:
		return c.reopen(m)
	case stepCut, stepIsolate:
		m.faults++
		m.disturb()
		m.lines[s.who].cut(s.kind == stepIsolate)
	case stepReconnect:
		m.lines[s.who].restore()
	case stepStall:
		m.faults++
		m.lines[s.who].stall()
	case stepFlow:
		m.lines[s.who].flow()
	case stepRestart:
		m.faults++
		m.disturb()
		m.broker.Kill()
		return m.broker.Restart(m.ctx, bmqtest.KeepPersistent)
	case stepWait:
		time.Sleep(time.Duration(s.count) * 100 * time.Millisecond)
	}
	return nil
}

// finish has everything delivered and confirmed, and returns what is wrong.
func (m *model) finish() []string {
	for _, l := range m.lines {
		l.restore()
		l.flow()
	}
	time.Sleep(modelRest) // all are connected again
	for _, c := range m.consumers {
		if err := errors.Join(c.pause(m, false), c.reopen(m)); err != nil {
			return []string{"at the end: " + err.Error()}
		}
	}
	open := ""
	for range modelRounds {
		time.Sleep(modelRest)
		synctest.Wait()
		for _, c := range m.consumers {
			c.confirmSome(m, modelSteps*modelWindow)
		}
		m.mu.Lock()
		open = m.unsettled(m.readers)
		m.mu.Unlock()
		if open == "" {
			break
		}
	}
	m.mu.Lock()
	if open != "" {
		m.problem("%s", open)
	}
	if m.faults == 0 && !m.closed {
		m.checkOnce()
	}
	m.mu.Unlock()
	m.stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checkConfirmed()
	return m.problems
}

// checkOnce looks for messages that were delivered twice for no reason.
func (m *model) checkOnce() {
	for payload := range m.posts {
		n := 0
		for _, r := range m.readers {
			n += r.seen[payload]
		}
		if n != 1 {
			m.problem("%s was delivered %d times, and nothing failed", payload, n)
		}
	}
}

// stop ends the sessions.
func (m *model) stop() {
	sessions := []*bmq.Session{}
	if m.producer != nil {
		sessions = append(sessions, m.producer.c.Session)
	}
	for _, c := range m.consumers {
		sessions = append(sessions, c.c.Session)
	}
	for _, s := range sessions {
		if err := s.Stop(m.ctx); err != nil {
			m.mu.Lock()
			m.problem("Stop: %v", err)
			m.mu.Unlock()
		}
	}
}
