package portable

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// features is what this client can do: it reads control messages in either encoding
// and messages with properties of the new style.
const features = ctrl.FeatureEncoding + ":BER,JSON;" + ctrl.FeatureProperties + ":" + ctrl.FeaturePropertiesEx

// connect makes one attempt.
func (s *Session) connect(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ConnectTimeout)
	defer cancel()
	c, err := s.attempt(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && !errors.Is(err, engine.ErrNoCredential) {
		err = s.noAnswer()
	}
	return c, err
}

func (s *Session) noAnswer() error {
	return fmt.Errorf("no answer from %s within %v", s.cfg.BrokerURI, s.cfg.ConnectTimeout)
}

// noConnection is what is known when somebody loses patience before the timeout.
func (s *Session) noConnection() string {
	return "there was no connection to " + s.cfg.BrokerURI + " yet"
}

// attempt dials, authenticates and negotiates.
func (s *Session) attempt(ctx context.Context) (*connection, error) {
	conn, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := newConnection(conn, s)
	stop := context.AfterFunc(ctx, func() { c.close(ctx.Err()) })
	err = s.negotiate(ctx, c)
	if !stop() {
		err = cmp.Or(err, ctx.Err()) // c is closed, or about to be
	}
	if err != nil {
		c.close(err)
		return nil, err
	}
	return c, nil
}

func (s *Session) negotiate(ctx context.Context, c *connection) error {
	if s.cfg.Credentials != nil {
		if err := s.authenticate(ctx, c); err != nil {
			return err
		}
	}
	if err := c.send(&ctrl.NegotiationMessage{ClientIdentity: s.identity()}); err != nil {
		return fmt.Errorf("negotiation: %w", err)
	}
	var msg ctrl.NegotiationMessage
	if err := c.receive(wire.EventControl, &msg); err != nil {
		return fmt.Errorf("negotiation: %w", err)
	}
	resp := msg.BrokerResponse
	if resp == nil {
		return errors.New("negotiation: the broker's answer is no brokerResponse")
	}
	if resp.Result.Category != ctrl.StatusSuccess {
		return fmt.Errorf("the broker refused the session: %v (%d): %s", resp.Result.Category, resp.Result.Code, resp.Result.Message)
	}
	if resp.IsDeprecatedSDK {
		s.log.Warn("the broker calls this version of the client deprecated", "broker", s.cfg.BrokerURI)
	}
	broker := resp.BrokerIdentity.Features
	c.propertiesEx = ctrl.HasFeature(broker, ctrl.FeatureProperties, ctrl.FeaturePropertiesEx)
	c.configureStream = ctrl.HasFeature(broker, ctrl.FeatureSubscriptions, ctrl.FeatureConfigureStream)
	c.heartbeat.interval = time.Duration(resp.HeartbeatIntervalMs) * time.Millisecond
	c.heartbeat.max = int(resp.MaxMissedHeartbeats)
	return nil
}

// identity is what this session says of itself. The protocol knows no Go: the
// language is given as C++, like all SDKs but Java's do, and the user agent tells.
func (s *Session) identity() *ctrl.ClientIdentity {
	return &ctrl.ClientIdentity{
		ProtocolVersion: ctrl.ProtocolVersion,
		SDKVersion:      ctrl.UnreleasedVersion,
		ClientType:      ctrl.ClientTCPClient,
		ProcessName:     s.cfg.ProcessName,
		PID:             int32(os.Getpid()),
		SessionID:       s.id,
		Features:        features,
		ClusterNodeID:   -1,
		SDKLanguage:     ctrl.LanguageCPP,
		GUIDInfo: ctrl.GUIDInfo{
			ClientID:             s.out.guids.ClientID(),
			NanoSecondsFromEpoch: s.out.guids.Epoch().UnixNano(),
		},
		UserAgent: s.cfg.UserAgent,
	}
}

// connection is one negotiated connection, or one that is being negotiated.
type connection struct {
	net.Conn
	reader             *framing.Reader
	stats              *counters
	propertiesEx       bool // the broker knows properties of the new style
	configureStream    bool // the broker knows configureStream
	heartbeat          heartbeat
	credentialLifetime time.Duration // 0: no end
	reauthentication   reauthentication

	once   sync.Once
	closed chan struct{}
	cause  error // why it was closed; set before closed is closed
}

func newConnection(conn net.Conn, s *Session) *connection {
	c := &connection{Conn: conn, stats: &s.stats, closed: make(chan struct{})}
	c.reader = framing.NewReader(c, wire.MaxEventSize)
	c.heartbeat.out, c.heartbeat.c = &s.out, c
	return c
}

// Read counts what the reader reads.
func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.stats.bytesIn.Add(uint64(n))
	if n > 0 {
		c.heartbeat.arriving.Store(true)
	}
	return n, err
}

// close closes the connection, for the reason that the first call gives.
func (c *connection) close(cause error) {
	c.once.Do(func() {
		c.cause = cause
		close(c.closed)
		_ = c.Conn.Close()
	})
}

func (c *connection) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// send writes a message while nobody else does.
func (c *connection) send(m ctrl.Message) error {
	_, err := c.Write(ctrl.AppendEvent(nil, wire.EncodingBER, m))
	return err
}

// receive reads the next event, which has to be a control message of the given kind.
func (c *connection) receive(typ wire.EventType, m ctrl.Message) error {
	frame, err := c.reader.Next()
	switch {
	case errors.Is(err, wire.ErrFrame):
		return fmt.Errorf("what answers at %v is no BlazingMQ broker: %w", c.RemoteAddr(), err)
	case err != nil:
		return fmt.Errorf("the broker closed the connection: %w", err)
	}
	ev, err := wire.ParseEvent(frame)
	if err != nil {
		return err
	}
	if ev.Type != typ {
		return fmt.Errorf("got an event of type %v in place of %v", ev.Type, typ)
	}
	return ctrl.Decode(ev.Body, ev.Encoding, m)
}
