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

// HoldsAcks tells whether ACKs are kept back.
func (b *Broker) HoldsAcks() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.holdAcks
}

// DropConnections closes all connections with clients of a process name, or with
// all clients if it is empty, without a word, and returns how many. The broker goes
// on.
func (b *Broker) DropConnections(client string) int {
	return b.drop(func(c *conn) bool { return client == "" || c.clientName() == client })
}

// DropConnection closes one connection, and tells whether there is one of that id.
func (b *Broker) DropConnection(id int) bool {
	return b.drop(func(c *conn) bool { return c.id == id }) > 0
}

func (b *Broker) drop(which func(*conn) bool) int {
	b.mu.Lock()
	conns := make([]*conn, 0, len(b.conns))
	for c := range b.conns {
		if which(c) {
			conns = append(conns, c)
		}
	}
	b.mu.Unlock()
	for _, c := range conns {
		c.close()
		<-c.done
	}
	return len(conns)
}
