package broker

import (
	"errors"
	"fmt"
	"slices"
)

var errModeChanged = errors.New("a domain can't change its mode")

// Reconfigure gives a domain another configuration, or makes a new domain. Queues
// that are there follow: new limits count from now on, new applications get what is
// posted from now on, and what applications that are not listed any more have not
// confirmed is dropped for them.
func (b *Broker) Reconfigure(config Domain) error {
	if err := config.validate(); err != nil {
		return err
	}
	b.mu.Lock()
	if to, ok := b.redirects[config.Name]; ok {
		b.mu.Unlock()
		return fmt.Errorf("broker: domain %q is a redirection to %q", config.Name, to)
	}
	d := b.domains[config.Name]
	if d == nil {
		b.domains[config.Name] = newDomain(b, config)
	}
	b.mu.Unlock()
	if d == nil {
		return nil
	}
	if d.config().Mode != config.Mode {
		return fmt.Errorf("broker: domain %q: %w", config.Name, errModeChanged)
	}
	d.conf.Store(&config)
	d.revive()
	for _, q := range d.list() {
		q.reconfigure(&config)
	}
	return nil
}

// Config returns the configuration of a domain.
func (b *Broker) Config(name string) (Domain, bool) {
	d, failed := b.domainFor(name)
	if failed != nil {
		return Domain{}, false
	}
	return *d.config(), true
}

func (q *queue) reconfigure(config *Domain) {
	q.lock()
	defer q.unlock()
	q.store.past.window = config.deduplicationTime()
	if config.Mode == Fanout {
		for _, id := range config.AppIDs {
			q.authorize(id)
		}
		for _, a := range q.apps {
			if !slices.Contains(config.AppIDs, a.id) {
				q.unauthorize(a)
			}
		}
	}
	q.setFilters(config)
	q.expiry.Stop()
	q.expiry = nil
	if p := q.store.seek(0); p < q.store.next {
		q.armExpiry(q.store.at(p).arrived)
	}
}

// authorize makes an application one that gets messages.
func (q *queue) authorize(id string) {
	a := q.app(id)
	switch {
	case a == nil:
		a = &app{queue: q, id: id, index: -1}
	case a.authorized:
		return
	}
	if a.index < 0 {
		q.strangers = slices.DeleteFunc(q.strangers, func(other *app) bool { return other == a })
		a.index = len(q.apps)
		q.apps = append(q.apps, a)
		q.store.setApps(len(q.apps))
	}
	a.authorized, a.resume = true, none
}

// unauthorize takes an application's messages from it. Those who read it stay, and
// get nothing.
func (q *queue) unauthorize(a *app) {
	if !a.authorized {
		return
	}
	q.purge(a)
	a.authorized = false
}
