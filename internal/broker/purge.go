package broker

import (
	"fmt"
	"slices"
)

// Purge drops the messages of an application of a queue, or of all if appID is
// empty, and returns how much that was. Consumers are not told.
func (b *Broker) Purge(uri, appID string) (messages, bytes int64, err error) {
	q := b.findQueue(uri)
	if q == nil {
		return 0, 0, fmt.Errorf("broker: there is no queue %q", uri)
	}
	if appID != "" && !q.hasApp(appID) {
		return 0, 0, fmt.Errorf("broker: queue %q has no application %q", uri, appID)
	}
	messages, bytes = q.purgeApps(appID)
	return messages, bytes, nil
}

// purgeApps purges one application, or all if appID is empty.
func (q *queue) purgeApps(appID string) (messages, bytes int64) {
	q.lock()
	defer q.unlock()
	messages, bytes = q.store.count, q.store.bytes
	for _, a := range q.apps {
		if appID == "" || a.id == appID {
			m, n := q.purge(a)
			if appID != "" {
				messages, bytes = m, n
			}
		}
	}
	return messages, bytes
}

// purge drops what an application has not confirmed, and returns how much that was.
// Consumers are not told.
func (q *queue) purge(a *app) (messages, bytes int64) {
	messages, bytes = a.messages, a.bytes
	for p := q.store.seek(0); p < q.store.next; p = q.store.seek(p + 1) {
		if a.needs(p) {
			m, v := q.store.at(p), q.store.view(p, a.index)
			a.orphan(m, v)
			a.confirm(p, m, v)
		}
	}
	a.redelivery.clear()
	a.aside.clear()
	a.resume = none
	a.throttle.Stop()
	a.throttle = nil
	return messages, bytes
}

func (q *queue) hasApp(id string) bool {
	q.lock()
	defer q.unlock()
	return slices.ContainsFunc(q.apps, func(a *app) bool { return a.id == id })
}
