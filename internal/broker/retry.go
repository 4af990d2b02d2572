package broker

// retryList holds messages that are to be offered again, in the order in which
// they were put there. Those that no subscription wants are parked until the
// subscriptions change.
type retryList struct {
	active []retryItem // active[head:] is the list
	head   int
	parked []retryItem
	order  int64
}

type retryItem struct {
	at    position
	order int64
}

func (l *retryList) add(p position) {
	l.active = append(l.active, retryItem{p, l.order})
	l.order++
}

// pending is the number of messages that wait for a consumer with capacity.
func (l *retryList) pending() int { return len(l.active) - l.head }

// len is the number of all messages in the list.
func (l *retryList) len() int { return l.pending() + len(l.parked) }

func (l *retryList) clear() { *l = retryList{order: l.order} }

// wake puts the parked messages back into their places.
func (l *retryList) wake() {
	if len(l.parked) == 0 {
		return
	}
	merged := make([]retryItem, 0, l.len())
	a, b := l.active[l.head:], l.parked
	for len(a) > 0 && len(b) > 0 {
		if a[0].order < b[0].order {
			merged, a = append(merged, a[0]), a[1:]
		} else {
			merged, b = append(merged, b[0]), b[1:]
		}
	}
	merged = append(append(merged, a...), b...)
	l.active, l.head, l.parked = merged, 0, nil
}

// scan offers the messages one by one. What it does with each follows from the
// outcome that try returns.
func (l *retryList) scan(try func(position) outcome) {
	var kept []retryItem
	i := l.head
scan:
	for ; i < len(l.active); i++ {
		switch try(l.active[i].at) {
		case delivered, gone:
		case unwanted:
			l.park(l.active[i])
		case blocked:
			kept = append(kept, l.active[i])
		case exhausted, delayed:
			break scan
		}
	}
	// What was scanned and stays moves up to what was not scanned.
	l.head = i - len(kept)
	copy(l.active[l.head:], kept)
	if l.head == len(l.active) {
		l.active, l.head = l.active[:0], 0
	}
}

// park keeps the parked messages in order: a later scan may park one from further
// in front.
func (l *retryList) park(it retryItem) {
	l.parked = append(l.parked, it)
	for i := len(l.parked) - 1; i > 0 && l.parked[i-1].order > it.order; i-- {
		l.parked[i-1], l.parked[i] = it, l.parked[i-1]
	}
}

// outcome is what became of an attempt to deliver a message.
type outcome uint8

const (
	delivered outcome = iota
	gone              // it is not there any more, or not for this application
	unwanted          // no subscription matches it
	blocked           // the subscriptions that match have no capacity
	exhausted         // no subscription that counts has capacity
	delayed           // it has to wait, being potentially poisonous
)
