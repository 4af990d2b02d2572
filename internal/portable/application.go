package portable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
)

// ask calls a function of the application, which may take its time: longer than ctx, if
// it does not care. What it returns then goes to late. A panic is an error.
func ask[T any](ctx context.Context, log *slog.Logger, f func(context.Context) (T, error), late func(T)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	given := make(chan answer)
	go func() {
		a := answer{err: errors.New("it ended its goroutine")}
		defer func() {
			if r := recover(); r != nil {
				a.err = fmt.Errorf("it panicked: %v", r)
				log.Error("a function of the application panicked", "panic", r, "stack", string(debug.Stack()))
			}
			select {
			case given <- a:
			case <-ctx.Done():
				if a.err == nil {
					late(a.v)
				}
			}
		}()
		a.v, a.err = f(ctx)
	}()
	select {
	case a := <-given:
		return a.v, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// dial makes a connection.
func (s *Session) dial(ctx context.Context) (net.Conn, error) {
	conn, err := ask(ctx, s.log, func(ctx context.Context) (net.Conn, error) {
		return s.cfg.Dial(ctx, "tcp", s.address)
	}, func(conn net.Conn) {
		if conn != nil {
			_ = conn.Close()
		}
	})
	if err == nil && conn == nil {
		err = errors.New("the dialer returned no connection")
	}
	return conn, err
}
