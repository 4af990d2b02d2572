package bmq

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// OpenQueue opens a queue for reading (WithRead), for writing (WithWrite) or for
// both, and returns when the broker has agreed. A reader of a fanout queue names
// its application in the URI, "bmq://domain/queue?id=app", and can't write. Reading
// needs a handler, see WithOnMessage; messages may come before OpenQueue returns.
//
// Each URI can be open once in a session: ErrAlreadyOpened. To change how a queue is
// open, close it first. Errors of the broker have its code and words; a bad URI is
// ErrInvalidURI.
func (s *Session) OpenQueue(ctx context.Context, queueURI string, opts ...OpenOption) error {
	defer runtime.KeepAlive(s)
	var o openConfig
	for _, opt := range opts {
		if opt != nil {
			opt.applyOpen(&o)
		}
	}
	ctx, sp := span(ctx, s.core.tracer, spanOpen, queueURI)
	err := s.core.openQueue(ctx, queueURI, &o)
	sp.End(err)
	return err
}

// ConfigureQueue changes the options of an open queue and returns when the broker
// has agreed. What is left out of o stays as it is. After a failure the old options
// are still in force. When it returns, handlers have ended for all messages that
// the broker sent under the old options, unless it is called from a handler itself.
func (s *Session) ConfigureQueue(ctx context.Context, queueURI string, o QueueOptions, opts ...CallOption) error {
	defer runtime.KeepAlive(s)
	call := callOptions(opts)
	ctx, sp := span(ctx, s.core.tracer, spanConfigure, queueURI)
	err := s.core.configureQueue(ctx, queueURI, o, call)
	sp.End(err)
	return err
}

// CloseQueue closes a queue and returns when the broker has agreed. Posts to the
// queue that have no ack yet get one before it returns: AckUnknown, or AckSuccess
// on a broadcast queue. Messages that are not confirmed go back to the broker; to
// lose none that are in hand, configure the queue to Paused, confirm, then close.
// While the connection is down, closing succeeds at once.
func (s *Session) CloseQueue(ctx context.Context, queueURI string, opts ...CallOption) error {
	defer runtime.KeepAlive(s)
	call := callOptions(opts)
	ctx, sp := span(ctx, s.core.tracer, spanClose, queueURI)
	err := s.core.closeQueue(ctx, queueURI, call)
	sp.End(err)
	return err
}

// GetQueueOptions returns the options of an open queue, all of them set. It does
// not ask the broker.
func (s *Session) GetQueueOptions(queueURI string) (QueueOptions, error) {
	q, err := s.core.opened(opOptions, queueURI)
	if err != nil {
		return QueueOptions{}, err
	}
	options, _ := s.core.queues.optionsOf(q)
	return options, nil
}

// opened returns an open queue, or why there is none.
func (c *core) opened(op, uri string) (*queue, error) {
	if c.stopped.Load() {
		return nil, errStopped(op, uri)
	}
	q := c.queues.lookup(uri)
	if q == nil {
		return nil, errNotOpened(op, uri)
	}
	return q, nil
}

func callOptions(opts []CallOption) (c callConfig) {
	for _, opt := range opts {
		if opt != nil {
			opt.applyCall(&c)
		}
	}
	return c
}

// callTimeout returns the timeout of one call.
func (c callConfig) callTimeout(d time.Duration) (time.Duration, error) {
	t, ok := c.timeout.Get()
	if !ok {
		return d, nil
	}
	return t, checkTimeout(t)
}

func (c *core) openQueue(ctx context.Context, uri string, o *openConfig) error {
	if o.read && c.onMessage == nil && c.inbox == nil {
		return failure(opOpen, uri, ErrNoOnMessage,
			"Can't open queue %s in read mode: no on_message callback was provided at Session construction; use WithOnMessage", uri)
	}
	if err := c.checkMonitored(opOpen, uri, o.options); err != nil {
		return err
	}
	timeout, err := o.callTimeout(c.timeouts.OpenQueueTimeout)
	if err != nil {
		return err
	}
	if c.stopped.Load() {
		return errStopped(opOpen, uri)
	}
	parsed, st := checkOpen(uri, o)
	if !st.OK() {
		return statusError(opOpen, uri, st)
	}
	if err := o.options.checkRange(); err != nil {
		return err
	}
	q := &queue{uri: uri, read: o.read, write: o.write, options: o.options.merge(defaultQueueOptions)}
	if o.read && o.subscriptions != nil {
		if err := checkSubscriptions(*o.subscriptions); err != nil {
			return err
		}
		q.subs = *o.subscriptions
	}
	if !o.read {
		q.options = writeOnlyOptions
		q.options.SuspendsOnBadHostHealth = Some(o.options.SuspendsOnBadHostHealth.Or(DefaultSuspendsOnBadHostHealth))
	} else if text := q.options.checkReader(); text != "" {
		return statusError(opOpen, uri, engine.Status{Code: engine.InvalidArgument, Text: text})
	}
	if code := c.queues.reserve(q); code != engine.Success {
		return statusError(opOpen, uri, engine.Status{Code: code})
	}
	req := engine.OpenRequest{
		URI: parsed, Read: o.read, Write: o.write, Options: q.options.engineOptions(q.subs), Timeout: timeout, Owner: q,
	}
	op := c.newOperation(opOpen, uri)
	var opened engine.Queue
	op.start(func(done func(engine.Status)) {
		c.engine.OpenQueue(req, func(eq engine.Queue, st engine.Status) {
			if st.OK() {
				// Published before anything else can come for the queue.
				opened = eq
				c.queues.publish(q, eq)
			} else {
				c.queues.release(q)
			}
			done(st)
		})
	})
	return op.wait(ctx, func(st engine.Status) {
		if st.OK() {
			c.discard(q, opened)
		}
	})
}

// discard closes a queue whose opener did not wait for it.
func (c *core) discard(q *queue, eq engine.Queue) {
	q.closing.Store(true)
	eq.Close(c.timeouts.CloseQueueTimeout, func(engine.Status) { c.queues.remove(q) })
}

// checkOpen refuses what upstream's client refuses without asking the broker.
func checkOpen(uri string, o *openConfig) (wire.URI, engine.Status) {
	parsed, err := wire.ParseURI(uri)
	switch {
	case err != nil:
		return parsed, engine.Status{Code: engine.OpenInvalidURI, Text: err.Error()}
	case !o.read && !o.write:
		return parsed, engine.Status{Code: engine.OpenInvalidFlags, Text: "neither WithRead nor WithWrite was given"}
	case parsed.AppID != "" && o.write:
		return parsed, engine.Status{Code: engine.InvalidArgument, Text: "a queue with an application id can be opened for reading only"}
	}
	return parsed, engine.Status{}
}

func (c *core) checkMonitored(op, uri string, o QueueOptions) error {
	if o.SuspendsOnBadHostHealth.Or(false) && !c.monitored {
		return failure(op, uri, ErrHealthMonitoringDisabled,
			"Queues cannot use suspends_on_bad_host_health if host health monitoring was disabled when the Session was created; use WithHostHealthMonitor")
	}
	return nil
}

func (c *core) configureQueue(ctx context.Context, uri string, o QueueOptions, call callConfig) error {
	if err := c.checkMonitored(opConfigure, uri, o); err != nil {
		return err
	}
	timeout, err := call.callTimeout(c.timeouts.ConfigureQueueTimeout)
	if err != nil {
		return err
	}
	if err := o.checkRange(); err != nil {
		return err
	}
	if call.subscriptions != nil {
		if err := checkSubscriptions(*call.subscriptions); err != nil {
			return err
		}
	}
	q, err := c.opened(opConfigure, uri)
	if err != nil {
		return err
	}
	if !c.queues.begin(q, opConfigure) {
		return statusError(opConfigure, uri, engine.Status{Code: engine.ConfigureAlreadyInProgress})
	}
	options, subs := c.queues.optionsOf(q)
	merged := o.merge(options)
	if call.subscriptions != nil {
		subs = *call.subscriptions
	}
	if q.read {
		if text := merged.checkReader(); text != "" {
			c.queues.end(q, func() {})
			return statusError(opConfigure, uri, engine.Status{Code: engine.InvalidArgument, Text: text})
		}
	}
	op := c.newOperation(opConfigure, uri)
	op.barrier = true
	op.start(func(done func(engine.Status)) {
		q.engine.Configure(merged.engineOptions(subs), timeout, func(st engine.Status) {
			c.queues.end(q, func() {
				if st.OK() {
					q.options, q.subs = merged, subs
				}
			})
			done(st)
		})
	})
	return op.wait(ctx, nil)
}

func (c *core) closeQueue(ctx context.Context, uri string, call callConfig) error {
	timeout, err := call.callTimeout(c.timeouts.CloseQueueTimeout)
	if err != nil {
		return err
	}
	q, err := c.opened(opClose, uri)
	if err != nil {
		return err
	}
	if q.closing.Swap(true) {
		return statusError(opClose, uri, engine.Status{Code: engine.CloseAlreadyInProgress})
	}
	op := c.newOperation(opClose, uri)
	op.barrier = true
	op.start(func(done func(engine.Status)) {
		q.engine.Close(timeout, func(st engine.Status) {
			c.queues.remove(q)
			done(st)
		})
	})
	return op.wait(ctx, nil)
}

// operation is a queue operation that somebody waits for.
type operation struct {
	core      *core
	name, uri string
	barrier   bool // wait until handlers have seen what came before the result
	awaiting  func()
	result    chan result
}

type result struct {
	status  engine.Status
	settled <-chan struct{}
}

func (c *core) newOperation(name, uri string) *operation {
	return &operation{core: c, name: name, uri: uri, result: make(chan result, 1)}
}

// start runs the operation; the function given to begin has to be called with its
// result, once.
func (o *operation) start(begin func(done func(engine.Status))) {
	o.awaiting = o.core.dispatch.awaiting()
	begin(func(st engine.Status) {
		r := result{status: st}
		if o.barrier {
			r.settled = o.core.dispatch.barrier()
		}
		o.result <- r
	})
}

// wait returns the operation's result, or the context's error. In that case late
// gets the result when it comes, in a goroutine of its own.
func (o *operation) wait(ctx context.Context, late func(engine.Status)) error {
	select {
	case r := <-o.result:
		o.awaiting()
		return o.settle(ctx, r)
	default:
	}
	select {
	case r := <-o.result:
		o.awaiting()
		return o.settle(ctx, r)
	case <-ctx.Done():
		go func() {
			r := <-o.result
			o.awaiting()
			if late != nil {
				late(r.status)
			}
		}()
		return contextError(o.name, o.uri, ctx.Err())
	}
}

func (o *operation) settle(ctx context.Context, r result) error {
	if r.settled != nil && !o.core.dispatch.onWorker() {
		select {
		case <-r.settled:
		case <-ctx.Done():
			return contextError(o.name, o.uri, ctx.Err())
		case <-o.core.stop: // which has waited for handlers as well, or given them up
			select {
			case <-r.settled:
			default:
				return errStopped(o.name, o.uri)
			}
		}
	}
	if o.core.stopped.Load() && r.status.Code == engine.NotConnected {
		r.status.Err = errors.Join(r.status.Err, ErrSessionStopped)
	}
	return statusError(o.name, o.uri, r.status)
}
