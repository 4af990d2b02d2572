// Package bmq is a client for BlazingMQ, Bloomberg's open-source message broker:
// named queues, at-least-once delivery, an ack for each message posted and a
// confirmation for each message consumed.
//
// It has the names and the behaviour of the Python SDK, blazingmq, in the manner of
// Go. A [Session] posts and consumes:
//
//	session, err := bmq.NewSession(ctx, sessionevents.LogSessionEvent,
//		bmq.WithBroker("tcp://localhost:30114"),
//		bmq.WithOnMessage(func(m *bmq.Message, h *bmq.MessageHandle) {
//			fmt.Printf("%s\n", m.Data)
//			h.Confirm()
//		}))
//	if err != nil {
//		return err
//	}
//	defer session.Close()
//
//	const queue = "bmq://bmq.test.mem.priority/greetings"
//	if err := session.OpenQueue(ctx, queue, bmq.WithRead(), bmq.WithWrite()); err != nil {
//		return err
//	}
//	return session.Post(ctx, queue, []byte("hello"), bmq.WithOnAck(func(a *bmq.Ack) {
//		fmt.Println(a.Status)
//	}))
//
// # Queues
//
// A queue has a URI, bmq://domain/queue. Its domain is configured at the broker and
// decides who gets a message: one of the consumers with the highest priority, in turn
// (priority), one consumer of each application (fanout; a consumer names its
// application: bmq://domain/queue?id=app), or every consumer that is there (broadcast).
// A queue comes into being when it is opened first, by [Session.OpenQueue].
//
// # Posting
//
// [Session.Post] returns when the message is copied. What became of it tells the ack:
// [WithOnAck] has a function called with it, [Session.PostAndWait] waits for it. Only
// an ack with [AckSuccess] says that the broker has the message. Posts in quick
// succession travel together by themselves; a [Batch] is for those who have many at
// hand. [WithProperties] gives a message typed properties, [WithCompression] and
// [WithMessageCompressionAlgorithm] compress it. [Session.Flush] waits until all is
// answered.
//
// # Consuming
//
// Messages go to the handler given by [WithOnMessage], with a [MessageHandle] to confirm
// each of them, or, with [WithPull], to a loop over [Session.Messages]. What is not
// confirmed is delivered again when the consumer is gone, to it or to another one: a
// message may come twice, with the same GUID. [QueueOptions] bound how many messages a
// consumer has in hand, and say how it ranks among others; [Session.ConfigureQueue]
// changes them, [Paused] stops deliveries. [WithSubscriptions] selects messages by their
// properties.
//
// # When the connection is lost
//
// A session reconnects by itself. It opens its queues again, sends what was posted
// meanwhile, and sends all posts without an ack again, under the GUIDs they had, by which
// the broker recognises them. Confirmations are not kept. The events of package
// sessionevents tell: ConnectionLost, Reconnected, QueueReopened or QueueReopenFailed for
// each queue, StateRestored. What is guaranteed, and what is not, is in
// docs/guarantees.md, with the test that shows it.
//
// # Ending
//
// To lose nothing that is in hand, a consumer configures its queues to [Paused],
// confirms what it has, and stops; [Session.Drain] does that, and waits for acks.
// [Session.Stop] ends a session at once: posts without an ack are answered [AckUnknown].
// [Session.Close] is for defer.
//
// # Errors
//
// Methods fail with an [*Error], whose text is that of the Python SDK, and which
// [errors.Is] recognises by what went wrong: [ErrBrokerTimeout], [ErrQueueNotOpened] and
// so on, all of them [ErrBMQ]. Arguments that can't be meant are [ErrValue] or
// [ErrType]. When a context ends, its error is what the Error wraps.
//
// # Memory
//
// What a session holds is bounded: posts without an answer by [WithMaxPendingBytes], bytes
// that wait to be sent by [WithChannelHighWatermark], messages that wait for handlers by
// the queues' windows and by [WithMaxInboundBytes]. Posts wait for room. The event
// SlowConsumerHighWaterMark tells that handlers do not keep up, with messages or with
// acks.
//
// # Environment
//
//	BMQ_BROKER_URI              the broker, whatever the program says
//	BMQ_ENGINE                  auto, native or portable, where the program says nothing
//	BMQ_GO_ENABLE_DIAGNOSTICS   has the native engine log everything
//
// # Engines and tests
//
// Two engines stand behind the same API: one written in Go, which every program has, and
// the official C++ SDK for programs built with the tag libbmq; see [EngineKind]. Package
// bmqtest has an embedded broker for tests, with faults to order.
//
// Those who come from Python find every name in docs/python.md, and every difference.
package bmq

// Version is the version of this package.
const Version = "0.1.0"
