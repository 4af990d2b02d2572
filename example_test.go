package bmq_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/sessionevents"
)

// exampleBroker is an embedded broker, so that the examples run anywhere.
func exampleBroker() (broker *bmqtest.Broker, stop func()) {
	broker, err := bmqtest.New()
	if err != nil {
		panic(err)
	}
	return broker, func() {
		if err := broker.Stop(context.Background()); err != nil {
			panic(err)
		}
	}
}

// exampleSession is a session with a broker of its own.
func exampleSession(onMessage bmq.OnMessage, opts ...bmq.Option) (session *bmq.Session, stop func()) {
	broker, stopBroker := exampleBroker()
	opts = append(opts, bmq.WithBroker(broker.URI()))
	if onMessage != nil {
		opts = append(opts, bmq.WithOnMessage(onMessage))
	}
	session, err := bmq.NewSession(context.Background(), func(sessionevents.SessionEvent) {}, opts...)
	if err != nil {
		panic(err)
	}
	return session, func() {
		if err := session.Close(); err != nil {
			panic(err)
		}
		stopBroker()
	}
}

const greetings = "bmq://bmq.test.mem.priority/greetings"

func Example() {
	broker, stop := exampleBroker()
	defer stop()
	ctx := context.Background()

	done := make(chan struct{})
	session, err := bmq.NewSession(ctx, sessionevents.Logger(slog.New(slog.DiscardHandler)),
		bmq.WithBroker(broker.URI()),
		bmq.WithOnMessage(func(m *bmq.Message, h *bmq.MessageHandle) {
			fmt.Printf("received %s\n", m.Data)
			if err := h.Confirm(); err != nil {
				fmt.Println(err)
			}
			close(done)
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()

	const queue = "bmq://bmq.test.mem.priority/greetings"
	if err := session.OpenQueue(ctx, queue, bmq.WithRead(), bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	if err := session.Post(ctx, queue, []byte("hello")); err != nil {
		fmt.Println(err)
		return
	}
	<-done
	// Output: received hello
}

func ExampleNewSession() {
	broker, stop := exampleBroker()
	defer stop()
	session, err := bmq.NewSession(context.Background(), func(e sessionevents.SessionEvent) { fmt.Println(e) },
		bmq.WithBroker(broker.URI()),
		bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: 10 * time.Second}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(session.Close())
	// Output:
	// <Connected>
	// <Disconnected>
	// <nil>
}

func ExampleNewSession_noBroker() {
	_, err := bmq.NewSession(context.Background(), func(sessionevents.SessionEvent) {},
		bmq.WithBroker("tcp://127.0.0.1:1"),
		bmq.WithLogger(slog.New(slog.DiscardHandler)),
		bmq.WithTimeouts(bmq.Timeouts{ConnectTimeout: 10 * time.Millisecond}))
	fmt.Println(errors.Is(err, bmq.ErrBrokerTimeout))
	// Output: true
}

func ExampleNewSessionWithOptions() {
	broker, stop := exampleBroker()
	defer stop()
	options := bmq.SessionOptions{
		MessageCompressionAlgorithm: bmq.CompressionZLIB,
		Timeouts:                    bmq.Timeouts{OpenQueueTimeout: time.Minute},
		NumProcessingThreads:        bmq.Some(4),
	}
	session, err := bmq.NewSessionWithOptions(context.Background(), func(sessionevents.SessionEvent) {}, nil, broker.URI(), options)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	fmt.Println(options)
	// Output: SessionOptions(message_compression_algorithm=ZLIB, timeouts=Timeouts(open_queue_timeout=1m0s), num_processing_threads=4)
}

func ExampleSession_OpenQueue() {
	session, stop := exampleSession(func(*bmq.Message, *bmq.MessageHandle) {})
	defer stop()
	ctx := context.Background()
	// A consumer that takes at most ten messages at a time.
	err := session.OpenQueue(ctx, greetings, bmq.WithRead(), bmq.WithQueueOptions(bmq.QueueOptions{
		MaxUnconfirmedMessages: bmq.Some(10),
	}))
	fmt.Println(err)
	options, err := session.GetQueueOptions(greetings)
	fmt.Println(options, err)
	// Output:
	// <nil>
	// QueueOptions(max_unconfirmed_messages=10, max_unconfirmed_bytes=33554432, consumer_priority=0, suspends_on_bad_host_health=false) <nil>
}

func ExampleSession_OpenQueue_errors() {
	session, stop := exampleSession(nil)
	defer stop()
	ctx := context.Background()
	err := session.OpenQueue(ctx, "bmq://no.such.domain/queue", bmq.WithWrite())
	fmt.Println(errors.Is(err, bmq.ErrUnknown), errors.Is(err, bmq.ErrBMQ))
	err = session.OpenQueue(ctx, "queue", bmq.WithWrite())
	fmt.Println(errors.Is(err, bmq.ErrInvalidURI))
	err = session.OpenQueue(ctx, greetings, bmq.WithRead())
	fmt.Println(errors.Is(err, bmq.ErrNoOnMessage))
	var e *bmq.Error
	if errors.As(session.OpenQueue(ctx, greetings), &e) {
		fmt.Println(e.Op, e.CodeName, int(e.Code))
	}
	// Output:
	// true true
	// true
	// true
	// open INVALID_FLAGS -101
}

func ExampleSession_OpenQueue_fanout() {
	session, stop := exampleSession(func(m *bmq.Message, h *bmq.MessageHandle) {})
	defer stop()
	ctx := context.Background()
	// The producer opens the queue itself, each consumer its own application's part.
	for uri, how := range map[string]bmq.OpenOption{
		"bmq://bmq.test.mem.fanout/news":        bmq.WithWrite(),
		"bmq://bmq.test.mem.fanout/news?id=foo": bmq.WithRead(),
		"bmq://bmq.test.mem.fanout/news?id=bar": bmq.WithRead(),
	} {
		if err := session.OpenQueue(ctx, uri, how); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(session.Stats().OpenQueues)
	// Output: 3
}

func ExampleSession_ConfigureQueue() {
	session, stop := exampleSession(func(m *bmq.Message, h *bmq.MessageHandle) {})
	defer stop()
	ctx := context.Background()
	if err := session.OpenQueue(ctx, greetings, bmq.WithRead()); err != nil {
		fmt.Println(err)
		return
	}
	// Only what is set changes.
	if err := session.ConfigureQueue(ctx, greetings, bmq.QueueOptions{ConsumerPriority: bmq.Some(2)}); err != nil {
		fmt.Println(err)
		return
	}
	options, _ := session.GetQueueOptions(greetings)
	fmt.Println(options.ConsumerPriority, options.MaxUnconfirmedMessages)
	// Output: 2 1000
}

func ExamplePaused() {
	session, stop := exampleSession(func(m *bmq.Message, h *bmq.MessageHandle) {})
	defer stop()
	ctx := context.Background()
	if err := session.OpenQueue(ctx, greetings, bmq.WithRead()); err != nil {
		fmt.Println(err)
		return
	}
	// To close without giving back what is in hand: pause, confirm, close.
	if err := session.ConfigureQueue(ctx, greetings, bmq.Paused()); err != nil {
		fmt.Println(err)
		return
	}
	// … confirm what was received …
	fmt.Println(session.CloseQueue(ctx, greetings))
	// Output: <nil>
}

func ExampleSession_CloseQueue() {
	session, stop := exampleSession(nil)
	defer stop()
	ctx := context.Background()
	if err := session.OpenQueue(ctx, greetings, bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(session.CloseQueue(ctx, greetings))
	fmt.Println(errors.Is(session.CloseQueue(ctx, greetings), bmq.ErrQueueNotOpened))
	// Output:
	// <nil>
	// true
}

func ExampleSession_Post() {
	session, stop := exampleSession(nil)
	defer stop()
	ctx := context.Background()
	if err := session.OpenQueue(ctx, greetings, bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	acks := make(chan string)
	for _, text := range []string{"one", "two", "three"} {
		// The closure knows which message the ack is about.
		err := session.Post(ctx, greetings, []byte(text), bmq.WithOnAck(func(a *bmq.Ack) {
			acks <- fmt.Sprint(text, " ", a.Status)
		}))
		if err != nil {
			fmt.Println(err)
		}
	}
	for range 3 {
		fmt.Println(<-acks)
	}
	// Output:
	// one SUCCESS
	// two SUCCESS
	// three SUCCESS
}

func ExampleWithProperties() {
	received := make(chan *bmq.Message, 1)
	session, stop := exampleSession(func(m *bmq.Message, h *bmq.MessageHandle) { received <- m })
	defer stop()
	ctx := context.Background()
	if err := session.OpenQueue(ctx, greetings, bmq.WithRead(), bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	err := session.Post(ctx, greetings, []byte("hello"), bmq.WithProperties(bmq.PropertyValueDict{
		"language": "en",
		"retries":  3,
		"urgent":   true,
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	m := <-received
	language, _ := m.Properties().Str("language")
	retries, _ := m.Properties().Int64("retries")
	fmt.Println(language, retries, m.Properties()["urgent"])
	// Output: en 3 true
}

func ExampleWithPropertyTypeOverrides() {
	received := make(chan *bmq.Message, 1)
	session, stop := exampleSession(func(m *bmq.Message, h *bmq.MessageHandle) { received <- m })
	defer stop()
	ctx := context.Background()
	if err := session.OpenQueue(ctx, greetings, bmq.WithRead(), bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	err := session.Post(ctx, greetings, []byte("hello"),
		bmq.WithProperties(bmq.PropertyValueDict{"retries": 3, "grade": byte('A')}),
		bmq.WithPropertyTypeOverrides(bmq.PropertyTypeDict{"retries": bmq.PropertyInt32, "grade": bmq.PropertyChar}))
	if err != nil {
		fmt.Println(err)
		return
	}
	m := <-received
	fmt.Println(m.PropertyTypes()["retries"], m.PropertyTypes()["grade"])
	// Output: INT32 CHAR
}

func ExampleWithCompression() {
	session, stop := exampleSession(nil)
	defer stop()
	ctx := context.Background()
	if err := session.OpenQueue(ctx, greetings, bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	// A mebibyte of zeros travels as about a kibibyte.
	ack, err := session.PostAndWait(ctx, greetings, make([]byte, 1<<20), bmq.WithCompression(bmq.CompressionZLIB))
	fmt.Println(ack.Status, err)
	// Output: SUCCESS <nil>
}

func ExampleSession_PostAndWait() {
	session, stop := exampleSession(nil)
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := session.OpenQueue(ctx, greetings, bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	ack, err := session.PostAndWait(ctx, greetings, []byte("hello"))
	if err != nil {
		fmt.Println("not stored, or not known to be:", err)
		return
	}
	fmt.Println(ack.Status, len(ack.GUID))
	// Output: SUCCESS 16
}

func ExampleSession_PostBatch() {
	session, stop := exampleSession(nil)
	defer stop()
	ctx := context.Background()
	if err := session.OpenQueue(ctx, greetings, bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	batch := session.NewBatch()
	for i := range 100 {
		if err := batch.Add(greetings, fmt.Appendf(nil, "message %d", i)); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(batch.Len(), batch.Size())
	n, err := session.PostBatch(ctx, batch)
	fmt.Println(n, err, batch.Len())
	// Output:
	// 100 990
	// 100 <nil> 0
}

func ExampleMessageHandle_Confirm() {
	done := make(chan error)
	session, stop := exampleSession(func(m *bmq.Message, h *bmq.MessageHandle) {
		go func() { done <- h.Confirm() }() // at any time, from any goroutine
	})
	defer stop()
	ctx := context.Background()
	if err := session.OpenQueue(ctx, greetings, bmq.WithRead(), bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	if err := session.Post(ctx, greetings, []byte("hello")); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-done)
	// Output: <nil>
}

func ExampleSession_Messages() {
	session, stop := exampleSession(nil, bmq.WithPull())
	defer stop()
	ctx := context.Background()
	if err := session.OpenQueue(ctx, greetings, bmq.WithRead(), bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"one", "two", "three"} {
		if err := session.Post(ctx, greetings, []byte(text)); err != nil {
			fmt.Println(err)
		}
	}
	n := 0
	for m, err := range session.Messages(ctx) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Printf("%s\n", m.Data)
		if err := session.Confirm(m); err != nil {
			fmt.Println(err)
		}
		if n++; n == 3 {
			break
		}
	}
	// Output:
	// one
	// two
	// three
}

func ExampleSession_ConfirmBatch() {
	session, stop := exampleSession(nil, bmq.WithPull())
	defer stop()
	ctx := context.Background()
	if err := session.OpenQueue(ctx, greetings, bmq.WithRead(), bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	for range 10 {
		if err := session.Post(ctx, greetings, []byte("hello")); err != nil {
			fmt.Println(err)
		}
	}
	var inHand []*bmq.Message
	for m, err := range session.Messages(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if inHand = append(inHand, m); len(inHand) == 10 {
			break
		}
	}
	fmt.Println(session.ConfirmBatch(inHand...))
	// Output: <nil>
}

func ExampleWithSubscriptions() {
	received := make(chan *bmq.Message, 1)
	session, stop := exampleSession(func(m *bmq.Message, h *bmq.MessageHandle) { received <- m })
	defer stop()
	ctx := context.Background()
	err := session.OpenQueue(ctx, greetings, bmq.WithRead(), bmq.WithWrite(), bmq.WithSubscriptions(
		bmq.Subscription{Expression: `size > 100`, Handle: "large"},
		bmq.Subscription{Expression: `size <= 100 && region == "EU"`, Handle: "small and near"},
	))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range []bmq.PropertyValueDict{{"size": 200, "region": "US"}, {"size": 50, "region": "EU"}} {
		if err := session.Post(ctx, greetings, []byte("x"), bmq.WithProperties(p)); err != nil {
			fmt.Println(err)
		}
		fmt.Println((<-received).SubscriptionHandle())
	}
	// Output:
	// large
	// small and near
}

func ExampleBasicHealthMonitor() {
	broker, stop := exampleBroker()
	defer stop()
	events := make(chan sessionevents.SessionEvent, 16)
	monitor := bmq.NewBasicHealthMonitor()
	session, err := bmq.NewSession(context.Background(), func(e sessionevents.SessionEvent) { events <- e },
		bmq.WithBroker(broker.URI()), bmq.WithHostHealthMonitor(monitor))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	ctx := context.Background()
	err = session.OpenQueue(ctx, greetings, bmq.WithWrite(), bmq.WithQueueOptions(bmq.QueueOptions{
		SuspendsOnBadHostHealth: bmq.Some(true),
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-events)
	monitor.SetUnhealthy()
	fmt.Println(<-events)
	fmt.Println(<-events)
	fmt.Println(errors.Is(session.Post(ctx, greetings, []byte("x")), bmq.ErrQueueSuspended))
	monitor.SetHealthy()
	fmt.Println(<-events)
	fmt.Println(<-events)
	// Output:
	// <Connected>
	// <HostUnhealthy>
	// <QueueSuspended: bmq://bmq.test.mem.priority/greetings>
	// true
	// <QueueResumed: bmq://bmq.test.mem.priority/greetings>
	// <HostHealthRestored>
}

func ExampleSession_Flush() {
	session, stop := exampleSession(nil)
	defer stop()
	ctx := context.Background()
	if err := session.OpenQueue(ctx, greetings, bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	for range 1000 {
		if err := session.Post(ctx, greetings, []byte("hello"), bmq.WithOnAck(func(*bmq.Ack) {})); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(session.Flush(ctx), session.Stats().PendingMessages)
	// Output: <nil> 0
}

func ExampleSession_Drain() {
	broker, stop := exampleBroker()
	defer stop()
	session, err := bmq.NewSession(context.Background(), func(sessionevents.SessionEvent) {}, bmq.WithBroker(broker.URI()))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := session.OpenQueue(ctx, greetings, bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	acked := 0
	for range 1000 {
		if err := session.Post(ctx, greetings, []byte("hello"), bmq.WithOnAck(func(a *bmq.Ack) {
			if a.Status == bmq.AckSuccess {
				acked++
			}
		})); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(session.Drain(ctx), acked)
	// Output: <nil> 1000
}

func ExampleSession_Stop() {
	broker, stop := exampleBroker()
	defer stop()
	session, err := bmq.NewSession(context.Background(), func(sessionevents.SessionEvent) {}, bmq.WithBroker(broker.URI()))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println(session.Stop(ctx))
	fmt.Println(session.Stop(ctx)) // harmless
	fmt.Println(errors.Is(session.OpenQueue(ctx, greetings, bmq.WithWrite()), bmq.ErrSessionStopped))
	// Output:
	// <nil>
	// <nil>
	// true
}

func ExampleSession_Stats() {
	session, stop := exampleSession(nil)
	defer stop()
	ctx := context.Background()
	if err := session.OpenQueue(ctx, greetings, bmq.WithWrite()); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := session.PostAndWait(ctx, greetings, []byte("hello")); err != nil {
		fmt.Println(err)
	}
	st := session.Stats()
	fmt.Println(st.Connected, st.MessagesPosted, st.Acks, st.Nacks)
	// Output: true 1 1 0
}

func ExampleSession_Health() {
	session, stop := exampleSession(nil)
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(session.Health(ctx))
	// Output: <nil>
}

func ExampleWithDialer() {
	broker, stop := exampleBroker()
	defer stop()
	dialer := net.Dialer{Timeout: 5 * time.Second}
	session, err := bmq.NewSession(context.Background(), func(sessionevents.SessionEvent) {}, bmq.WithBroker(broker.URI()),
		bmq.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			fmt.Println("dialing over", network)
			return dialer.DialContext(ctx, network, address)
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	// Output: dialing over tcp
}

func ExampleWithAuthnCredentialProvider() {
	broker, err := bmqtest.New(bmqtest.WithUser("user", "secret"), bmqtest.WithoutAnonymous())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Kill()
	session, err := bmq.NewSession(context.Background(), func(sessionevents.SessionEvent) {}, bmq.WithBroker(broker.URI()),
		bmq.WithAuthnCredentialProvider(func(context.Context) (bmq.AuthnCredential, error) {
			return bmq.AuthnCredential{Mechanism: bmq.MechanismBasic, Data: []byte("user:secret")}, nil
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(session.Close())
	// Output: <nil>
}

// printTracer prints the operations that it is told of.
type printTracer struct{}

type printSpan string

func (printTracer) StartSpan(ctx context.Context, name, queueURI string) (context.Context, bmq.Span) {
	return ctx, printSpan(name)
}

func (s printSpan) End(err error) { fmt.Println(string(s), err) }

func ExampleWithTracer() {
	broker, stop := exampleBroker()
	defer stop()
	ctx := context.Background()
	session, err := bmq.NewSession(ctx, func(sessionevents.SessionEvent) {}, bmq.WithBroker(broker.URI()), bmq.WithTracer(printTracer{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := session.OpenQueue(ctx, greetings, bmq.WithWrite()); err != nil {
		fmt.Println(err)
	}
	if err := session.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// bmq.session.start <nil>
	// bmq.queue.open <nil>
	// bmq.session.stop <nil>
}

func ExampleParseURI() {
	u, err := bmq.ParseURI("bmq://my.domain/orders?id=audit")
	fmt.Println(u.Domain, u.Queue, u.AppID, err)
	fmt.Println(u.Canonical())
	// Output:
	// my.domain orders audit <nil>
	// bmq://my.domain/orders
}

func ExampleAckStatus_Err() {
	fmt.Println(bmq.AckSuccess.Err())
	fmt.Println(errors.Is(bmq.AckLimitMessages.Err(), bmq.ErrLimitMessages))
	// Output:
	// <nil>
	// true
}

func ExampleEngines() {
	for _, e := range bmq.Engines() {
		if e.Kind == bmq.EnginePortable {
			fmt.Println(e.Kind, e.Linkage)
		}
	}
	// Output: portable Go
}

func ExampleSome() {
	o := bmq.QueueOptions{ConsumerPriority: bmq.Some(0)}
	fmt.Println(o.ConsumerPriority.IsSet(), o.MaxUnconfirmedMessages.IsSet())
	fmt.Println(o)
	// Output:
	// true false
	// QueueOptions(consumer_priority=0)
}

func ExampleError() {
	session, stop := exampleSession(nil)
	defer stop()
	err := session.OpenQueue(context.Background(), "bmq://domain", bmq.WithWrite())
	var e *bmq.Error
	if errors.As(err, &e) {
		fmt.Println(e.Op, e.Code, e.CodeName)
	}
	fmt.Fprintln(os.Stdout, errors.Is(err, bmq.ErrInvalidURI))
	// Output:
	// open -100 INVALID_URI
	// true
}
