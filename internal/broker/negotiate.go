package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// Versions of SDKs that the official broker knows.
const (
	minCPPVersion         = 10500
	recommendedCPPVersion = 10900
	minJavaVersion        = 2
)

// features are what a broker announces, first those that are of no use to clients.
const features = ctrl.FeatureEncoding + ":BER,JSON;HA:GRACEFUL_SHUTDOWN,GRACEFUL_SHUTDOWN_V2,BROADCAST_TO_PROXIES"

// userAgent is the name and version that a build of the official broker from its
// sources shows.
const userAgent = "bmqbrkr:99.99.99"

// initialEvent handles what comes before a session: an authentication, if the
// client has a credential, then its identity. Anything else ends the connection
// without an answer.
func (c *conn) initialEvent(ev wire.Event) error {
	switch {
	case ev.Type == wire.EventAuthentication && c.identity.mechanism == "":
		return c.authenticate(ev)
	case ev.Type == wire.EventControl:
		return c.negotiate(ev)
	}
	return fmt.Errorf("%w: it started with an event of type %s", errEnd, ev.Type)
}

// negotiate handles clientIdentity.
func (c *conn) negotiate(ev wire.Event) error {
	var m ctrl.NegotiationMessage
	if err := ctrl.Decode(ev.Body, ev.Encoding, &m); err != nil {
		return err
	}
	id := m.ClientIdentity
	switch {
	case id == nil:
		return fmt.Errorf("%w: it started with something else than an identity", errEnd)
	case id.ClientType != ctrl.ClientTCPClient && id.ClientType != ctrl.ClientTCPAdmin:
		return fmt.Errorf("%w: there is no session for a peer of type %s", errEnd, id.ClientType)
	}
	if c.identity.mechanism == "" && c.broker.config.Authentication.RefuseAnonymous {
		return fmt.Errorf("%w: clients have to authenticate", errEnd)
	}
	c.deadline.Stop()
	c.who.Store(id)
	encoding := controlEncoding(id.Features)
	result, deprecated := checkVersion(id)
	refused, err := c.negotiateFault(id, &result)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s@%s", filepath.Base(id.ProcessName), c.peer)
	if id.ClientType == ctrl.ClientTCPAdmin {
		c.admin = &admin{broker: c.broker, out: c.out, encoding: encoding, name: name}
	} else {
		c.session.Store(&session{
			broker: c.broker, conn: c, out: c.out, name: name, identity: *id, encoding: encoding,
			ownGUIDs:     id.GUIDInfo.ClientID != "",
			propertiesEx: ctrl.HasFeature(id.Features, ctrl.FeatureProperties, ctrl.FeaturePropertiesEx),
			handles:      make(map[uint32]*handle),
		})
	}
	beats := c.broker.config.Heartbeats
	c.out.control(encoding, &ctrl.NegotiationMessage{BrokerResponse: &ctrl.BrokerResponse{
		Result:              result,
		ProtocolVersion:     ctrl.ProtocolVersion,
		BrokerVersion:       ctrl.UnreleasedVersion,
		IsDeprecatedSDK:     deprecated,
		BrokerIdentity:      c.broker.identity(c.id),
		HeartbeatIntervalMs: int32(beats.Interval.Milliseconds()),
		MaxMissedHeartbeats: int32(beats.MaxMissed),
	}})
	if refused {
		return errRefused
	}
	c.heartbeat = c.startHeartbeat(id)
	c.log(slog.LevelInfo, "client connected", slog.String("features", id.Features), slog.String("agent", id.UserAgent))
	return nil
}

// controlEncoding picks the encoding of control messages from what a client can
// read: BER unless it lists JSON only.
func controlEncoding(features string) wire.Encoding {
	if !ctrl.HasFeature(features, ctrl.FeatureEncoding, "BER") && ctrl.HasFeature(features, ctrl.FeatureEncoding, "JSON") {
		return wire.EncodingJSON
	}
	return wire.EncodingBER
}

// checkVersion tells a client what the broker thinks of its SDK. One that is too
// old is told so, and gets a session all the same.
func checkVersion(id *ctrl.ClientIdentity) (result ctrl.Status, deprecated bool) {
	supported, recommended, name := int32(-1), int32(-1), ""
	switch id.SDKLanguage {
	case ctrl.LanguageCPP:
		supported, recommended, name = minCPPVersion, recommendedCPPVersion, "libbmq"
	case ctrl.LanguageJava:
		supported, recommended, name = minJavaVersion, minJavaVersion, "bmq-sdk"
	}
	if id.SDKVersion < supported {
		return ctrl.Status{
			Category: ctrl.StatusNotSupported, Code: codeUnknown,
			Message: fmt.Sprintf("Client is using an unsupported version of %s (minimum supported version: %d, client version: %d).",
				name, supported, id.SDKVersion),
		}, true
	}
	return ctrl.Status{}, id.SDKVersion < recommended
}

// identity is how the broker introduces itself on its session with a number.
func (b *Broker) identity(session int) ctrl.ClientIdentity {
	announced := features
	if !b.config.HidePropertiesEx {
		announced += ";" + ctrl.FeatureProperties + ":" + ctrl.FeaturePropertiesEx
		if !b.config.HideSubscriptions {
			announced += ";" + ctrl.FeatureSubscriptions + ":" + ctrl.FeatureConfigureStream
		}
	}
	return ctrl.ClientIdentity{
		ProtocolVersion: ctrl.ProtocolVersion,
		SDKVersion:      ctrl.UnreleasedVersion,
		ClientType:      ctrl.ClientTCPBroker,
		ProcessName:     "bmqbrkr",
		PID:             int32(os.Getpid()),
		SessionID:       int32(session),
		HostName:        b.hostName,
		Features:        announced,
		ClusterNodeID:   -1,
		SDKLanguage:     ctrl.LanguageCPP,
		UserAgent:       userAgent,
	}
}

// identity is who the peer of a connection proved to be.
type identity struct {
	mechanism string // empty: nothing was proved
	principal string
}

// What goes wrong in authentication, with the official broker's codes and texts.
const (
	codeNoMechanism   int32 = -2
	codeBadCredential int32 = -11
	codeNotSame       int32 = -1
)

// basicLifetimeMs is how long a password counts before it has to be shown again.
const basicLifetimeMs = 600_000

var errRefused = errors.New("the credential was refused")

// authenticate handles the first authenticationRequest of a connection.
func (c *conn) authenticate(ev wire.Event) error {
	var m ctrl.AuthenticationMessage
	if err := ctrl.Decode(ev.Body, ev.Encoding, &m); err != nil {
		return err
	}
	if m.Request == nil {
		return fmt.Errorf("%w: it started with an authentication that is no request", errEnd)
	}
	who, lifetime, failed := c.broker.check(m.Request)
	c.answerAuthentication(ev.Encoding, failed, lifetime)
	if failed != nil {
		c.out.finish()
		return errRefused
	}
	c.identity = who
	return nil
}

// reauthenticate handles authenticationRequest on an open session. A session that
// began without one is not asked for any, and what it sends is ignored.
func (c *conn) reauthenticate(ev wire.Event) error {
	var m ctrl.AuthenticationMessage
	err := ctrl.Decode(ev.Body, ev.Encoding, &m)
	if c.identity.mechanism == "" || err != nil || m.Request == nil {
		c.log(slog.LevelWarn, "an authentication event was dropped", slog.Any("reason", err))
		return nil
	}
	if strings.ToUpper(m.Request.Mechanism) != c.identity.mechanism {
		return fmt.Errorf("%w: it changed the authentication mechanism", errEnd)
	}
	who, lifetime, failed := c.broker.check(m.Request)
	if failed == nil && who.principal != c.identity.principal {
		failed = status(ctrl.StatusRefused, codeNotSame, "Principal cannot change during reauthentication")
	}
	c.answerAuthentication(ev.Encoding, failed, lifetime)
	if failed != nil {
		c.out.finish()
		return errRefused
	}
	return nil
}

func (c *conn) answerAuthentication(e wire.Encoding, failed *ctrl.Status, lifetime *uint64) {
	response := ctrl.AuthenticationResponse{LifetimeMs: lifetime}
	if failed != nil {
		response.Status, response.LifetimeMs = *failed, nil
	}
	c.out.control(e, &ctrl.AuthenticationMessage{Response: &response})
}

// check verifies a credential.
func (b *Broker) check(r *ctrl.AuthenticationRequest) (who identity, lifetimeMs *uint64, failed *ctrl.Status) {
	mechanism := strings.ToUpper(r.Mechanism)
	users := b.config.Authentication.Users
	switch {
	case mechanism == "ANONYMOUS" && !b.config.Authentication.RefuseAnonymous:
		return identity{mechanism: mechanism}, nil, nil
	case mechanism != "BASIC" || len(users) == 0:
		return who, nil, status(ctrl.StatusRefused, codeNoMechanism,
			fmt.Sprintf("Authentication mechanism '%s' not supported.", r.Mechanism))
	}
	var data []byte
	if r.Data != nil {
		data = *r.Data
	}
	user, password, _ := strings.Cut(string(data), ":")
	if want, known := users[user]; !known || want != password {
		return who, nil, status(ctrl.StatusRefused, codeBadCredential, fmt.Sprintf(
			"Failed to authenticate with mechanism 'BASIC'. (rc = -1). Detailed error: Invalid username or password for user '%s'", user))
	}
	lifetime := uint64(basicLifetimeMs)
	return identity{mechanism: mechanism, principal: user}, &lifetime, nil
}
