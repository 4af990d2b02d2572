package portable

import "sync"

// subscription is what a PUSH message is addressed to.
type subscription struct {
	q      *queue
	id     uint32
	handle any
}

// routeKey is how a PUSH message names a subscription: by the queue's number and
// its own.
type routeKey struct {
	qid uint32
	id  uint32
}

// routes has the subscriptions that are in force.
type routes struct {
	mu    sync.Mutex
	table map[routeKey]*subscription
}

// lookup returns the subscription, nil if there is none.
func (r *routes) lookup(key routeKey) *subscription {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.table[key]
}

// register puts subs in place of the queue's former subscriptions.
func (q *queue) register(subs []*subscription) {
	r := &q.s.routes
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.table == nil {
		r.table = make(map[routeKey]*subscription)
	}
	for key := range q.allRoutes {
		delete(r.table, key)
	}
	q.subs = subs
	for key, sub := range q.allRoutes {
		r.table[key] = sub
	}
}

func (q *queue) unregister() {
	if len(q.subs) > 0 {
		q.register(nil)
	}
}

// allRoutes calls yield for each name of a subscription of the queue. A queue without
// application id is also reached by messages that name no subscription.
func (q *queue) allRoutes(yield func(routeKey, *subscription) bool) {
	for i, sub := range q.subs {
		if i == 0 && q.subID == 0 && !yield(routeKey{q.stream.qid, 0}, sub) {
			return
		}
		if !yield(routeKey{q.stream.qid, sub.id}, sub) {
			return
		}
	}
}
