package portable

import (
	"context"

	"github.com/bmq-go/bmq/internal/wire"
)

// serve reads from a connection until it is over, and says why it is.
func (s *Session) serve(c *connection) error {
	ctx, cancel := context.WithCancel(s.ctx)
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.out.write(c)
	}()
	c.heartbeat.start()
	s.scheduleReauthentication(ctx, c)
	c.close(s.read(ctx, c))
	cancel()
	c.heartbeat.stop()
	c.reauthentication.stop()
	s.out.interrupt()
	<-written
	return c.cause
}

// read takes events until the stream ends, and says why it does.
func (s *Session) read(ctx context.Context, c *connection) error {
	for {
		frame, err := c.reader.Next()
		if err != nil {
			return err
		}
		c.heartbeat.received.Store(true)
		s.stats.eventsIn.Add(1)
		ev, err := wire.ParseEvent(frame)
		if err != nil {
			s.log.Error("ignored an event", "error", err)
			continue
		}
		switch ev.Type {
		case wire.EventPush:
			body, lent := s.keep(c, ev.Body)
			s.onPush(c, body, lent)
		case wire.EventAck:
			s.onAck(ev.Body)
		case wire.EventControl:
			s.onControl(ev.Body, ev.Encoding)
		case wire.EventAuthentication:
			s.onAuthentication(ctx, c, ev.Body, ev.Encoding)
		case wire.EventHeartbeatReq:
			s.out.controlOn(c, wire.HeartbeatRsp)
		case wire.EventHeartbeatRsp:
			s.ponged()
		default:
			s.log.Error("ignored an event of a type that is not for clients", "type", ev.Type)
		}
	}
}
