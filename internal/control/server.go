package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/bmq-go/bmq/internal/broker"
)

const (
	// headerTimeout is how long a client may take to say what it wants.
	headerTimeout = 10 * time.Second
	// bodyTimeout is how long it may take to send all of a request.
	bodyTimeout = 30 * time.Second
	// answerTimeout is how long it may take from there to the end of the answer.
	answerTimeout = 2 * maxWait
	maxHeader     = 64 << 10
	maxBody       = 1 << 20
)

// Server is a running endpoint.
type Server struct {
	http   http.Server
	url    string
	cancel context.CancelFunc
	done   chan error
}

// Start serves a broker at an address on loopback until Stop; port 0 takes a free one.
// Another address is refused.
func Start(b *broker.Broker, address string) (*Server, error) {
	if err := onLoopback(address); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{url: "http://" + l.Addr().String(), cancel: cancel, done: make(chan error, 1)}
	s.http = http.Server{
		Handler: New(b), BaseContext: func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, WriteTimeout: answerTimeout, MaxHeaderBytes: maxHeader,
	}
	go func() { s.done <- s.http.Serve(l) }()
	return s, nil
}

// URL is where the page is.
func (s *Server) URL() string { return s.url }

// Stop ends the endpoint. Calls that wait for something are answered at once; those of
// clients that do not read their answers are given up when ctx ends.
func (s *Server) Stop(ctx context.Context) error {
	s.cancel()
	err := s.http.Shutdown(ctx)
	if err != nil && ctx.Err() != nil {
		err = s.http.Close()
	}
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// onLoopback refuses an address that others than this machine could reach.
func onLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("control: %w: use 127.0.0.1:PORT", err)
	}
	if !loopback(host) {
		return fmt.Errorf("control: %q is not an address of loopback: whoever reaches this endpoint controls the broker; use 127.0.0.1:PORT", address)
	}
	return nil
}

// loopback tells whether a host, as it is in an address or in a URL, is this machine
// as nobody else can reach it.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
