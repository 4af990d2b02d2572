package ctrl

import (
	"slices"
	"strings"
)

// NegotiationMessage is what the first CONTROL event of each side carries.
type NegotiationMessage struct {
	ClientIdentity *ClientIdentity `bmq:"0,clientIdentity"`
	BrokerResponse *BrokerResponse `bmq:"1,brokerResponse"`
	PlaceHolder    *Empty          `bmq:"2,placeHolder"`
}

func (*NegotiationMessage) isChoice() {}

// ProtocolVersion is the only version of the protocol there is.
const ProtocolVersion = 1

// UnreleasedVersion is the version number that builds from source report.
const UnreleasedVersion = 999999

// ClientIdentity says who a peer is and what it can do.
type ClientIdentity struct {
	ProtocolVersion int32          `bmq:"0,protocolVersion"`
	SDKVersion      int32          `bmq:"1,sdkVersion"`
	ClientType      ClientType     `bmq:"2,clientType"`
	ProcessName     string         `bmq:"3,processName"`
	PID             int32          `bmq:"4,pid"`
	SessionID       int32          `bmq:"5,sessionId"`
	HostName        string         `bmq:"6,hostName"`
	Features        string         `bmq:"7,features"`
	ClusterName     string         `bmq:"8,clusterName"`
	ClusterNodeID   int32          `bmq:"9,clusterNodeId"`
	SDKLanguage     ClientLanguage `bmq:"10,sdkLanguage"`
	GUIDInfo        GUIDInfo       `bmq:"11,guidInfo"`
	UserAgent       string         `bmq:"12,userAgent"`
}

func (c *ClientIdentity) setDefaults() {
	*c = ClientIdentity{SDKVersion: UnreleasedVersion, SessionID: 1, ClusterNodeID: -1, SDKLanguage: LanguageCPP}
}

// GUIDInfo tells how a client makes its GUIDs; without a client id it makes none.
type GUIDInfo struct {
	ClientID             string `bmq:"0,clientId"`
	NanoSecondsFromEpoch int64  `bmq:"1,nanoSecondsFromEpoch"`
}

// BrokerResponse answers ClientIdentity.
type BrokerResponse struct {
	Result              Status         `bmq:"0,result"`
	ProtocolVersion     int32          `bmq:"1,protocolVersion"`
	BrokerVersion       int32          `bmq:"2,brokerVersion"`
	IsDeprecatedSDK     bool           `bmq:"3,isDeprecatedSdk"`
	BrokerIdentity      ClientIdentity `bmq:"4,brokerIdentity"`
	HeartbeatIntervalMs int32          `bmq:"5,heartbeatIntervalMs"`
	MaxMissedHeartbeats int32          `bmq:"6,maxMissedHeartbeats"`
}

func (b *BrokerResponse) setDefaults() {
	b.HeartbeatIntervalMs, b.MaxMissedHeartbeats = 3000, 10
}

// AuthenticationMessage is what AUTHENTICATION events carry.
type AuthenticationMessage struct {
	Request  *AuthenticationRequest  `bmq:"0,authenticationRequest"`
	Response *AuthenticationResponse `bmq:"1,authenticationResponse"`
}

func (*AuthenticationMessage) isChoice() {}

// AuthenticationRequest presents a credential.
type AuthenticationRequest struct {
	Mechanism string  `bmq:"0,mechanism"`
	Data      *[]byte `bmq:"1,data"`
}

// AuthenticationResponse answers AuthenticationRequest.
type AuthenticationResponse struct {
	Status     Status  `bmq:"0,status"`
	LifetimeMs *uint64 `bmq:"1,lifetimeMs"`
}

// Names in feature strings.
const (
	FeatureEncoding        = "PROTOCOL_ENCODING"
	FeatureProperties      = "MPS"
	FeatureSubscriptions   = "SUBSCRIPTIONS"
	FeaturePropertiesEx    = "MESSAGE_PROPERTIES_EX"
	FeatureConfigureStream = "CONFIGURE_STREAM"
)

// HasFeature tells whether a feature string "field:value,value;field:value" lists
// value for field. As for the official broker, the first entry of that field counts,
// and an entry before it with a colon and nothing behind makes the rest unreadable.
func HasFeature(features, field, value string) bool {
	for entry := range strings.SplitSeq(features, ";") {
		name, values, colon := strings.Cut(entry, ":")
		if colon && values == "" {
			return false
		}
		if name == field {
			return slices.Contains(strings.Split(values, ","), value)
		}
	}
	return false
}
