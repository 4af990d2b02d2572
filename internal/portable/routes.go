package portable

import (
	"maps"
	"sync"
	"sync/atomic"
)

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

// routes has the subscriptions that are in force. Reading takes no lock.
type routes struct {
	mu    sync.Mutex
	table atomic.Pointer[map[routeKey]*subscription]
}

// lookup returns the subscription, nil if there is none.
func (r *routes) lookup(qid, id uint32) *subscription {
	table := r.table.Load()
	if table == nil {
		return nil
	}
	return (*table)[routeKey{qid, id}]
}

func (r *routes) change(edit func(map[routeKey]*subscription)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := make(map[routeKey]*subscription)
	if table := r.table.Load(); table != nil {
		next = maps.Clone(*table)
	}
	edit(next)
	r.table.Store(&next)
}

// register puts subs in place of the queue's former subscriptions. A queue without
// application id is also reached by messages that name no subscription.
func (q *queue) register(subs []*subscription) {
	q.s.routes.change(func(table map[routeKey]*subscription) {
		q.remove(table)
		for i, sub := range subs {
			table[routeKey{q.stream.qid, sub.id}] = sub
			if i == 0 && q.subID == 0 {
				table[routeKey{q.stream.qid, 0}] = sub
			}
		}
	})
	q.subs = subs
}

func (q *queue) unregister() {
	if len(q.subs) > 0 {
		q.register(nil)
	}
}

func (q *queue) remove(table map[routeKey]*subscription) {
	maps.DeleteFunc(table, func(_ routeKey, sub *subscription) bool { return sub.q == q })
}
