package broker

// restart makes the queue what it is after a restart of the broker. Messages that
// are kept are new to everybody: who had them before is not known.
func (q *queue) restart(keep bool) {
	q.lock()
	defer q.unlock()
	if !keep {
		q.closed = true
		q.stopTimers()
		return
	}
	q.cursor = q.store.seek(0)
	for _, a := range q.apps {
		a.redelivery.clear()
		a.aside.clear()
		a.resume = none
		for p := q.cursor; p < q.store.next; p = q.store.seek(p + 1) {
			if v := q.store.view(p, a.index); v != nil {
				v.poison, v.attempts = false, uint8(q.domain.config().MaxDeliveryAttempts)
			}
		}
	}
	if p := q.cursor; p < q.store.next {
		q.armExpiry(q.store.at(p).arrived)
	}
}

// clear forgets all queues.
func (d *domain) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queues = make(map[string]*queue)
	d.usage.messages.Store(0)
	d.usage.bytes.Store(0)
}
