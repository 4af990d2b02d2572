// Package portable is the engine that speaks BlazingMQ's protocol itself.
//
// A Session keeps one connection to the broker, with two goroutines: one connects
// and then reads (session.go, connect.go, receive.go), one writes (outbox.go); the
// application calls in. Timeouts, heartbeats and authentication run on timers. Two
// locks divide the state:
//
//   - Session.mu guards the states of the session and of its queues, and the
//     requests that wait for an answer. It is held while states change; what a
//     change does is in the tables of state_session.go and state_queue.go.
//   - outbox.mu guards what waits to be sent (stream.go) and the posts that wait for
//     an ack (pending.go). It is all that posting, confirming and acks take.
//
// Session.mu comes before outbox.mu. Callbacks and the handler are called with
// these locks held, except for OnMessages.
package portable
