// Package admin runs administrative commands on a BlazingMQ broker: it empties queues,
// counts what is in them, and tells about domains and statistics.
//
//	client, err := admin.New("tcp://localhost:30114")
//	if err != nil {
//		return err
//	}
//	purged, err := client.PurgeQueue(ctx, "bmq://bmq.test.mem.priority/orders")
//
// Brokers take commands on the port that they take clients on. They are a matter of
// operators: a command acts on all that the broker has, whoever it belongs to, and
// none can be undone.
package admin
