// Package bmq is a client for BlazingMQ, Bloomberg's open-source message broker:
// named queues, at-least-once delivery, an ack for each message posted and a
// confirmation for each message consumed.
//
// It has the names and the behaviour of the Python SDK, blazingmq, in the manner of
// Go. A Session posts and consumes:
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
// Two engines stand behind the same API: one written in Go, which every program
// has, and the official C++ SDK for programs built with the tag libbmq; see
// EngineKind. Package bmqtest has an embedded broker for tests, sessionevents the
// events of a session.
package bmq

// Version is the version of this package.
const Version = "0.1.0"
