// Package broker is an embedded BlazingMQ broker: one process, everything in
// memory, for tests, demos and development. It speaks the client protocol over
// real connections as the official broker does, and is no replacement for it in
// production: nothing is written to disk and there is no cluster.
//
// A Broker owns domains, a domain owns queues. One mutex per queue guards its
// messages, its applications and the handles of the sessions that opened it. A
// connection has one goroutine that reads and one that writes. What is to be sent
// is appended to the connection's output buffer, so that nothing that holds a
// queue ever waits for a peer. Locks are taken in the order domain, queue, output;
// no one takes a queue's lock while holding an output's.
package broker
