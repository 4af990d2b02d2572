package messaging

import "context"

// line is what waits behind the delivery of its key that is being handled.
type line struct {
	key     string
	waiting []*Delivery
}

// next returns the next delivery. With OrderBy it may be nil: another one of its key is being
// handled, behind which it waits; leave returns it when its turn comes.
func (r *run) next(ctx context.Context) (*Delivery, error) {
	if r.keys == nil {
		return r.c.next(ctx, r.until.Quiet)
	}
	// One at a time, so that deliveries get into line in the order they come.
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-r.turn }()
	d, err := r.c.next(ctx, r.until.Quiet)
	if err != nil {
		return nil, err
	}
	return r.enter(d), nil
}

// enter returns the delivery if it may be handled now, else it gets into line.
func (r *run) enter(d *Delivery) *Delivery {
	key, ok := r.key(d)
	if !ok {
		return d
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.keys[key]; l != nil {
		l.waiting = append(l.waiting, d)
		return nil
	}
	r.keys[key] = &line{key: key}
	return d
}

// leave says that a delivery was handled, and returns the next one of its key.
func (r *run) leave(d *Delivery) *Delivery {
	if r.keys == nil {
		return nil
	}
	key, ok := r.key(d)
	if !ok {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.keys[key]
	for l != nil && len(l.waiting) > 0 {
		next := l.waiting[0]
		l.waiting = l.waiting[1:]
		if next.State() == InHand {
			return next
		}
	}
	delete(r.keys, key)
	return nil
}

// key returns what a delivery is ordered by. If OrderBy panics, that is nothing.
func (r *run) key(d *Delivery) (key string, ok bool) {
	err := protect(func() error { key = r.c.cfg.OrderBy(d); return nil })
	if err != nil {
		r.c.log.Error("OrderBy panicked", "error", err)
	}
	return key, err == nil
}
