package broker

import (
	"fmt"
	"strings"
)

// runRemove is the command that removes a domain, in two rounds.
func (b *Broker) runRemove(w words) (*result, error) {
	name, finalize := w.next(), w.next()
	switch {
	case name == "":
		return nil, bad("DOMAINS REMOVE command must be followed by a domain name.")
	case finalize != "" && !strings.EqualFold(finalize, "FINALIZE"):
		return nil, bad("Invalid optional key word '%s' for DOMAINS REMOVE <domain> [FINALIZE]", finalize)
	}
	if err := w.end(); err != nil {
		return nil, err
	}
	d := b.existing(name)
	switch {
	case d == nil:
		return noDomain(name), nil
	case finalize == "":
		return d.remove(), nil
	case !d.gone():
		return failed(fmt.Sprintf("First round of DOMAINS REMOVE '%s' is not completed.", name)), nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.domains[d.name] == d {
		delete(b.domains, d.name)
	}
	return succeeded(), nil
}

// remove drops the queues of a domain unless somebody has one open. Either way, as with
// the official broker, no more can be opened until the domain is configured again.
func (d *domain) remove() *result {
	inUse := failed(fmt.Sprintf("Trying to remove the domain '%s' while there are queues opened or opening", d.name))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.removing = true
	for _, q := range d.queues {
		if q.isOpen() {
			return inUse
		}
	}
	r := &purgeResult{}
	for name, q := range d.queues {
		if !q.giveUp(func() bool { return true }) {
			return inUse // since just now
		}
		r.Queues = append(r.Queues, q.purgeCommand("*"))
		delete(d.queues, name)
	}
	d.removed = true
	return &result{PurgedQueues: r}
}

// gone tells whether all queues were dropped, for ever.
func (d *domain) gone() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.removed
}

// revive makes a domain that was removed one that is not.
func (d *domain) revive() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.removing, d.removed = false, false
}

func (q *queue) isOpen() bool {
	q.lock()
	defer q.unlock()
	return len(q.handles) > 0
}
