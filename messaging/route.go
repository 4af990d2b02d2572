package messaging

import (
	"maps"

	"github.com/bmq-go/bmq"
)

// route sets who reads a queue; nil: nobody.
func (c *Client) route(uri string, s *source) {
	c.mu.Lock()
	defer c.mu.Unlock()
	routes := maps.Clone(*c.routes.Load())
	if s == nil {
		delete(routes, uri)
	} else {
		routes[uri] = s
	}
	c.routes.Store(&routes)
}

// onMessage takes the messages of the session. What comes for a queue that nobody reads
// any more stays unconfirmed and goes back to the broker when the queue is closed.
func (c *Client) onMessage(m *bmq.Message, h *bmq.MessageHandle) {
	if s := (*c.routes.Load())[m.QueueURI]; s != nil {
		s.arrived(m, h)
	}
}
