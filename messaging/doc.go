// Package messaging is the level above sessions: producers and consumers for users of
// kombu, carrot and py-amqp, on BlazingMQ. It works with both engines.
//
//	client, err := messaging.Dial(ctx, messaging.Config{Brokers: []string{"tcp://localhost:30114"}})
//	…
//	producer, err := client.NewProducer(ctx, messaging.ProducerConfig{Queue: "bmq://bmq.test.mem.priority/orders"})
//	…
//	_, err = producer.Publish(ctx, Order{ID: 7})
//
//	consumer, err := client.NewConsumer(ctx, messaging.ConsumerConfig{
//		Queues: []messaging.Queue{{URI: "bmq://bmq.test.mem.priority/orders"}},
//	})
//	…
//	err = consumer.Run(ctx, messaging.Handle(func(ctx context.Context, order Order, d *messaging.Delivery) error {
//		return process(ctx, order)
//	}))
//
// # Concepts
//
// A [Client] is one session. Its queues are open once each and shared, for reading and
// writing as its producers and consumers need. All that it hands out may be used by any
// number of goroutines, and from handlers.
//
// A [Producer] publishes: to a queue, or to an [Exchange], which chooses queues by key.
// A body is any value, or a [Message], which says more about it. Whether it waits
// (Publish) or not (PublishAsync), a publish has one of three outcomes: stored, an error
// that is [ErrNotStored], or one that is [ErrOutcomeUnknown]. A [RetryPolicy] tries
// again what was not stored; never what may have been stored, unless it says so.
//
// A [Consumer] reads one or many queues: by handlers (Run), by a loop (Deliveries,
// Batches) or one at a time (Fetch). Each [Delivery] is settled once: Ack, Reject (to a
// dead-letter queue), RetryAfter (later, here) or Requeue (a copy at the queue's end).
// What is not settled comes again, here or elsewhere, when its consumer closes or dies:
// a message is delivered at least once.
//
// A [Handler] is a function; [Middleware] wraps it; a [Router] has a handler for each
// queue and ends in good order when the process is told to.
//
// Codecs and compressors turn values into bytes and back; a [Registry] has those of a
// client. A [Topology] is queues and exchanges by name, from a file.
//
// # Exchanges are here, not in the broker
//
// BlazingMQ has queues and no exchanges. An Exchange routes in the process that
// publishes: programs that should route alike share a Topology. What should be chosen on
// the consumer's side is a matter of fanout domains, or of subscriptions.
//
// # What a broker can't do
//
// Where BlazingMQ has nothing for a feature of the peers, a call answers with an
// [UnsupportedError], which is errors.ErrUnsupported, gives the reason and names what to
// use instead. [Unsupported] gives the same answer for features that have no call here.
//
// # Properties
//
// What a message says about its body travels as message properties, by these names, all
// strings unless said otherwise. Each is there only if it is set; a message of any other
// client of BlazingMQ is a message here. One that has a property of such a name and another
// type has said nothing by it.
//
//	content_type      what the body is, such as application/json; without it: raw bytes
//	content_encoding  its character set, such as utf-8
//	compression       name of the compressor, where the client compressed it
//	routing_key       key, for exchanges and subscriptions
//	exchange          name of the exchange that chose the queue
//	message_id        identifies the message for its application, whatever its GUID
//	correlation_id    of a reply: the message_id, or what else the request chose
//	reply_to          URI of the queue that awaits the reply
//	type, app_id, user_id   for applications; the broker verifies none of them
//	timestamp         when it was published: INT64, milliseconds since 1970
//	expires_at        when consumers drop it: INT64, milliseconds since 1970
//	attempts          how often Requeue put it back: INT64
//
// A dead letter has its own properties and these besides: dead_letter_reason,
// dead_letter_queue, dead_letter_guid, dead_letter_attempts (INT64) and dead_letter_at
// (INT64, milliseconds since 1970).
package messaging
