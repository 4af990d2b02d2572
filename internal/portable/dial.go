package portable

import (
	"context"
	"errors"
	"net"

	"github.com/bmq-go/bmq/internal/engine"
)

// dial makes a connection. The dialer is the application's.
func (s *Session) dial(ctx context.Context) (net.Conn, error) {
	conn, err := engine.Ask(ctx, func(ctx context.Context) (net.Conn, error) {
		return s.cfg.Dial(ctx, "tcp", s.address)
	}, func(conn net.Conn, err error) {
		if err == nil && conn != nil {
			_ = conn.Close()
		}
		engine.LogPanic(s.log, err)
	})
	engine.LogPanic(s.log, err)
	if err == nil && conn == nil {
		err = errors.New("the dialer returned no connection")
	}
	return conn, err
}
