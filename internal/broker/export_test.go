package broker

// LimitBroadcast sets how many unsent bytes broadcasts may pile up.
func (b *Broker) LimitBroadcast(n int64) { b.maxBroadcast = n }

// LimitEvent sets how much of one event is taken from a client.
func (b *Broker) LimitEvent(n int) { b.maxEvent = n }
