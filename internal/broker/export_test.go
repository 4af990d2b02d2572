package broker

// LimitBroadcast sets how many unsent bytes broadcasts may pile up.
func (b *Broker) LimitBroadcast(n int64) { b.maxBroadcast = n }

// LimitEvent sets how much of one event is taken from a client.
func (b *Broker) LimitEvent(n int) { b.maxEvent = n }

// LimitMemory sets what all connections together may have unread, and what may have
// come of large events that are not complete.
func (b *Broker) LimitMemory(unsent, incoming int64) {
	b.unsent.limit, b.incoming.limit = unsent, incoming
}

// UsedMemory returns how much of both there is.
func (b *Broker) UsedMemory() (unsent, incoming int64) {
	return b.unsent.used.Load(), b.incoming.used.Load()
}
