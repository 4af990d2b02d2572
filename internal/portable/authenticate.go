package portable

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

const (
	// reauthenticationMargin is how long before the end of a credential's lifetime it is
	// presented again, where a tenth of the lifetime is less.
	reauthenticationMargin = 5 * time.Second
	// minReauthentication is the least time between two authentications, whatever
	// lifetime the broker gives.
	minReauthentication = time.Second
)

// asked notes what came of asking the credential provider, for Start to tell.
func (s *Session) asked(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noCredential = err
}

// credential asks the provider.
func (s *Session) credential(ctx context.Context) (*ctrl.AuthenticationMessage, error) {
	credential, err := s.cfg.AskCredential(ctx, s.asked)
	if err != nil {
		return nil, err
	}
	req := &ctrl.AuthenticationRequest{Mechanism: credential.Mechanism}
	if credential.Data != nil {
		req.Data = &credential.Data
	}
	return &ctrl.AuthenticationMessage{Request: req}, nil
}

// authenticate is the first thing on a connection, where there are credentials.
func (s *Session) authenticate(ctx context.Context, c *connection) error {
	msg, err := s.credential(ctx)
	if err != nil {
		return err
	}
	if err := c.send(msg); err != nil {
		return fmt.Errorf("authentication: %w", err)
	}
	var answer ctrl.AuthenticationMessage
	if err := c.receive(wire.EventAuthentication, &answer); err != nil {
		return fmt.Errorf("authentication: %w", err)
	}
	return c.authenticated(&answer)
}

func (c *connection) authenticated(m *ctrl.AuthenticationMessage) error {
	if m.Response == nil {
		return errors.New("authentication: the broker's answer is no authenticationResponse")
	}
	if st := m.Response.Status; st.Category != ctrl.StatusSuccess {
		return fmt.Errorf("authentication: the broker refused the credential: %v (%d): %s", st.Category, st.Code, st.Message)
	}
	c.credentialLifetime = 0
	if ms := m.Response.LifetimeMs; ms != nil && *ms > 0 {
		const limit = uint64(1<<63-1) / uint64(time.Millisecond)
		c.credentialLifetime = time.Duration(min(*ms, limit)) * time.Millisecond
	}
	return nil
}

// reauthentication presents a credential again. All but awaited belongs to the
// goroutine that reads.
type reauthentication struct {
	timer   *time.Timer
	running sync.WaitGroup
	awaited atomic.Bool // the broker has to answer
}

// stop ends it, and returns when the credential provider has.
func (r *reauthentication) stop() {
	if r.timer != nil && r.timer.Stop() {
		r.running.Done()
	}
	r.running.Wait()
}

// scheduleReauthentication presents a credential again before the present one's
// lifetime ends. It is called by the goroutine that reads. ctx ends with the
// connection.
func (s *Session) scheduleReauthentication(ctx context.Context, c *connection) {
	if c.credentialLifetime == 0 {
		return
	}
	wait := c.credentialLifetime - max(c.credentialLifetime/10, reauthenticationMargin)
	r := &c.reauthentication
	r.running.Add(1)
	r.timer = time.AfterFunc(max(wait, minReauthentication), func() {
		defer r.running.Done()
		msg, err := s.credential(ctx)
		if err != nil {
			c.close(err)
			return
		}
		r.awaited.Store(true)
		s.out.controlOn(c, ctrl.AppendEvent(nil, wire.EncodingBER, msg))
	})
}

// onAuthentication takes the broker's answer to a credential that was presented again.
func (s *Session) onAuthentication(ctx context.Context, c *connection, body []byte, e wire.Encoding) {
	if !c.reauthentication.awaited.Swap(false) {
		s.log.Error("ignored an AUTHENTICATION event that answers nothing")
		return
	}
	var msg ctrl.AuthenticationMessage
	err := ctrl.Decode(body, e, &msg)
	if err == nil {
		err = c.authenticated(&msg)
	}
	if err != nil {
		c.close(err)
		return
	}
	s.scheduleReauthentication(ctx, c)
}
