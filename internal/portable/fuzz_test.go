package portable

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// FuzzBroker feeds a session with a queue and posts on it whatever a broker may send.
// It must not panic, and has to end; each post is answered once at most.
func FuzzBroker(f *testing.F) {
	for _, make := range hostileEvents {
		f.Add(make())
	}
	for _, b := range fatalBytes {
		f.Add(b)
	}
	f.Add(pushEvent(0, nil, 1))
	f.Add(controlEvent(rid(1), ctrl.Choice{OpenQueueResponse: &ctrl.OpenQueueResponse{}}))
	f.Add(controlEvent(rid(2), ctrl.Choice{ConfigureStreamResponse: &ctrl.ConfigureStreamResponse{}}))
	f.Add(bytes.Join([][]byte{
		controlEvent(rid(1), ctrl.Choice{OpenQueueResponse: &ctrl.OpenQueueResponse{DeduplicationTimeMs: 1}}),
		controlEvent(rid(2), ctrl.Choice{ConfigureStreamResponse: &ctrl.ConfigureStreamResponse{}}),
		pushEvent(0, nil, 1), ackEvent(nil), wire.HeartbeatReq,
	}, nil))
	f.Fuzz(func(t *testing.T, script []byte) {
		h := &fuzzHandler{t: t, answered: make(map[any]bool), opened: make(chan engine.Queue, 1), lost: make(chan struct{})}
		var once sync.Once
		s := New(engine.Config{
			BrokerURI: "tcp://broker:1", ConnectTimeout: time.Minute, DisconnectTimeout: time.Minute,
			OpenQueueTimeout: time.Minute, ConfigureQueueTimeout: time.Minute, CloseQueueTimeout: time.Minute,
			ChannelHighWatermark: 128 << 20, HostHealthy: true, Handler: h, Logger: slog.New(slog.DiscardHandler),
			Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				first := false
				once.Do(func() { first = true })
				if !first {
					_ = theirs.Close()
					return ours, nil
				}
				go fuzzPeer(theirs, script)
				return ours, nil
			},
		})
		if st := s.Start(context.Background()); !st.OK() {
			t.Fatal(st)
		}
		req := engine.OpenRequest{URI: uri("q"), Read: true, Write: true, Timeout: time.Minute, Owner: "q"}
		s.OpenQueue(req, func(q engine.Queue, st engine.Status) {
			if st.OK() {
				h.opened <- q
			}
			close(h.opened)
		})
		select {
		case q := <-h.opened:
			for i := range 3 {
				if q != nil {
					q.Post(context.Background(), engine.Put{Payload: []byte("m"), WantAck: true, Cookie: i})
				}
			}
		case <-h.lost:
		}
		<-h.lost // the peer hangs up in the end
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.Stop(ctx)
	})
}

// fuzzPeer negotiates, plays the script and hangs up.
func fuzzPeer(conn net.Conn, script []byte) {
	defer conn.Close()
	if _, err := framing.NewReader(conn, wire.MaxEventSize).Next(); err != nil {
		return
	}
	hello := ctrl.AppendEvent(nil, wire.EncodingBER, &ctrl.NegotiationMessage{BrokerResponse: &ctrl.BrokerResponse{
		Result:         ctrl.Status{Category: ctrl.StatusSuccess},
		BrokerIdentity: ctrl.ClientIdentity{Features: allFeatures, ClientType: ctrl.ClientTCPBroker},
	}})
	if _, err := conn.Write(hello); err != nil {
		return
	}
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	_, _ = conn.Write(script)
}

type fuzzHandler struct {
	t        *testing.T
	mu       sync.Mutex
	answered map[any]bool
	opened   chan engine.Queue
	lost     chan struct{}
	lostOnce sync.Once
}

func (h *fuzzHandler) OnSessionEvent(e engine.SessionEvent) {
	if e.Type == eventConnectionLost {
		h.lostOnce.Do(func() { close(h.lost) })
	}
}

func (h *fuzzHandler) OnMessages(b *engine.MessageBatch) { b.Release() }

func (h *fuzzHandler) OnAcks(b *engine.AckBatch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range b.Acks {
		if h.answered[a.Cookie] {
			h.t.Errorf("post %v was answered twice", a.Cookie)
		}
		h.answered[a.Cookie] = true
	}
	b.Release()
}

func (h *fuzzHandler) Awaiting() func() { return func() {} }

// FuzzNegotiation answers a session's credential and identity with anything. The
// attempt has to end, in a connection or an error.
func FuzzNegotiation(f *testing.F) {
	hello := &ctrl.NegotiationMessage{BrokerResponse: &ctrl.BrokerResponse{Result: ctrl.Status{Category: ctrl.StatusSuccess}}}
	welcome := &ctrl.AuthenticationMessage{Response: &ctrl.AuthenticationResponse{Status: ctrl.Status{Category: ctrl.StatusSuccess}}}
	for _, e := range []wire.Encoding{wire.EncodingBER, wire.EncodingJSON} {
		f.Add(false, ctrl.AppendEvent(nil, e, hello))
		f.Add(true, ctrl.AppendEvent(ctrl.AppendEvent(nil, e, welcome), e, hello))
	}
	for _, b := range fatalBytes {
		f.Add(false, b)
		f.Add(true, b)
	}
	f.Fuzz(func(t *testing.T, authenticates bool, script []byte) {
		cfg := engine.Config{
			ConnectTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler),
			Dial: func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go func() {
					defer theirs.Close()
					go func() { _, _ = io.Copy(io.Discard, theirs) }()
					_, _ = theirs.Write(script)
				}()
				return ours, nil
			},
		}
		if authenticates {
			cfg.Credentials = func(context.Context) (engine.Credential, error) { return engine.Credential{}, nil }
		}
		c, err := New(cfg).connect(context.Background())
		if (c == nil) != (err != nil) {
			t.Fatal(c, err)
		}
		if c != nil {
			c.close(errRefused)
		}
	})
}
