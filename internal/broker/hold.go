package broker

// HoldAcks keeps back all ACKs, to clients that are there and that will come, until
// it is called with false. Messages are stored and delivered meanwhile.
func (b *Broker) HoldAcks(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holdAcks = on
	for c := range b.conns {
		c.out.hold(on)
	}
}

// DropConnections closes all connections with clients of a process name, or with
// all clients if it is empty, without a word. The broker goes on.
func (b *Broker) DropConnections(client string) {
	b.mu.Lock()
	conns := make([]*conn, 0, len(b.conns))
	for c := range b.conns {
		if client == "" || c.clientName() == client {
			conns = append(conns, c)
		}
	}
	b.mu.Unlock()
	for _, c := range conns {
		c.close()
		<-c.done
	}
}
