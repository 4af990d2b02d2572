// Package ctrl is the codec of BlazingMQ's control messages: negotiation,
// authentication, and the requests and responses of an open session, in BER and
// in JSON. The structs below are the schema: the two encodings are driven by
// their tags.
//
// A tag `bmq:"id,name"` gives the BER id and the JSON name of an attribute. In a
// choice exactly one of the pointer fields is set. The option "choice" marks a
// struct field as the anonymous choice of a sequence, whose selection stands among
// the sequence's own members in JSON.
package ctrl

import "math"

// ControlMessage is what the CONTROL events of an open session carry.
type ControlMessage struct {
	RID    *int32 `bmq:"0,rId"`
	Choice Choice `bmq:"1,,choice"`
}

// Choice is the kind of a control message and its contents.
type Choice struct {
	Status                       *Status                       `bmq:"0,status"`
	Disconnect                   *Empty                        `bmq:"1,disconnect"`
	DisconnectResponse           *Empty                        `bmq:"2,disconnectResponse"`
	AdminCommand                 *AdminCommand                 `bmq:"7,adminCommand"`
	AdminCommandResponse         *AdminCommandResponse         `bmq:"8,adminCommandResponse"`
	OpenQueue                    *OpenQueue                    `bmq:"10,openQueue"`
	OpenQueueResponse            *OpenQueueResponse            `bmq:"11,openQueueResponse"`
	CloseQueue                   *CloseQueue                   `bmq:"12,closeQueue"`
	CloseQueueResponse           *Empty                        `bmq:"13,closeQueueResponse"`
	ConfigureQueueStream         *ConfigureQueueStream         `bmq:"14,configureQueueStream"`
	ConfigureQueueStreamResponse *ConfigureQueueStreamResponse `bmq:"15,configureQueueStreamResponse"`
	ConfigureStream              *ConfigureStream              `bmq:"16,configureStream"`
	ConfigureStreamResponse      *ConfigureStreamResponse      `bmq:"17,configureStreamResponse"`
}

func (*Choice) isChoice() {}

// Empty is a message without contents.
type Empty struct{}

// Status is the result of a request; as a response of its own it is always a failure.
type Status struct {
	Category StatusCategory `bmq:"0,category"`
	Code     int32          `bmq:"1,code"`
	Message  string         `bmq:"2,message"`
}

// AdminCommand asks an admin session to run a command.
type AdminCommand struct {
	Command string `bmq:"0,command"`
}

// AdminCommandResponse is what the command printed.
type AdminCommandResponse struct {
	Text string `bmq:"0,text"`
}

// DefaultAppID is the application id of a queue that has none.
const DefaultAppID = "__default"

// SubQueueIDInfo ties an application id to the number that the client gave it.
type SubQueueIDInfo struct {
	SubID uint32 `bmq:"0,subId"`
	AppID string `bmq:"1,appId"`
}

func (s *SubQueueIDInfo) setDefaults() { s.AppID = DefaultAppID }

// Bits of QueueHandleParameters.Flags.
const (
	QueueFlagAdmin uint64 = 1
	QueueFlagRead  uint64 = 2
	QueueFlagWrite uint64 = 4
	QueueFlagAck   uint64 = 8
)

// QueueHandleParameters say which queue a client opens or closes, and as what.
type QueueHandleParameters struct {
	URI        string          `bmq:"0,uri"`
	QID        uint32          `bmq:"1,qId"`
	SubIDInfo  *SubQueueIDInfo `bmq:"2,subIdInfo"`
	Flags      uint64          `bmq:"3,flags"`
	ReadCount  int32           `bmq:"4,readCount"`
	WriteCount int32           `bmq:"5,writeCount"`
	AdminCount int32           `bmq:"6,adminCount"`
}

// OpenQueue opens a queue.
type OpenQueue struct {
	HandleParameters QueueHandleParameters `bmq:"0,handleParameters"`
}

// Bits of RoutingConfiguration.Flags.
const (
	RoutingAtMostOnce              uint64 = 1
	RoutingDeliverConsumerPriority uint64 = 2
	RoutingDeliverAll              uint64 = 4
	RoutingMultipleSubStreams      uint64 = 8
)

// RoutingConfiguration says how the queue's domain delivers.
type RoutingConfiguration struct {
	Flags uint64 `bmq:"0,flags"`
}

// DefaultDeduplicationTimeMs is how long brokers recognise a repeated GUID, in
// milliseconds, where they say nothing else.
const DefaultDeduplicationTimeMs = 300000

// OpenQueueResponse answers OpenQueue.
type OpenQueueResponse struct {
	OriginalRequest      OpenQueue            `bmq:"0,originalRequest"`
	RoutingConfiguration RoutingConfiguration `bmq:"1,routingConfiguration"`
	DeduplicationTimeMs  int32                `bmq:"2,deduplicationTimeMs"`
}

func (r *OpenQueueResponse) setDefaults() { r.DeduplicationTimeMs = DefaultDeduplicationTimeMs }

// CloseQueue closes a queue, or one of its application ids.
type CloseQueue struct {
	HandleParameters QueueHandleParameters `bmq:"0,handleParameters"`
	IsFinal          bool                  `bmq:"1,isFinal"`
}

// InvalidPriority is the consumer priority of a queue that takes no messages.
const InvalidPriority = math.MinInt32

// QueueStreamParameters are the consumer options of configureQueueStream.
type QueueStreamParameters struct {
	SubIDInfo              *SubQueueIDInfo `bmq:"0,subIdInfo"`
	MaxUnconfirmedMessages int64           `bmq:"1,maxUnconfirmedMessages"`
	MaxUnconfirmedBytes    int64           `bmq:"2,maxUnconfirmedBytes"`
	ConsumerPriority       int32           `bmq:"3,consumerPriority"`
	ConsumerPriorityCount  int32           `bmq:"4,consumerPriorityCount"`
}

func (p *QueueStreamParameters) setDefaults() { p.ConsumerPriority = InvalidPriority }

// ConfigureQueueStream sets consumer options in the old style.
type ConfigureQueueStream struct {
	QID              uint32                `bmq:"0,qId"`
	StreamParameters QueueStreamParameters `bmq:"1,streamParameters"`
}

// ConfigureQueueStreamResponse answers ConfigureQueueStream.
type ConfigureQueueStreamResponse struct {
	Request ConfigureQueueStream `bmq:"0,request"`
}

// Expression selects messages by their properties.
type Expression struct {
	Version ExpressionVersion `bmq:"0,version"`
	Text    string            `bmq:"1,text"`
}

// ConsumerInfo are the limits and the priority of a consumer.
type ConsumerInfo struct {
	MaxUnconfirmedMessages int64 `bmq:"0,maxUnconfirmedMessages"`
	MaxUnconfirmedBytes    int64 `bmq:"1,maxUnconfirmedBytes"`
	ConsumerPriority       int32 `bmq:"2,consumerPriority"`
	ConsumerPriorityCount  int32 `bmq:"3,consumerPriorityCount"`
}

func (c *ConsumerInfo) setDefaults() { c.ConsumerPriority = InvalidPriority }

// Subscription asks for the messages that match an expression.
type Subscription struct {
	SID        uint32         `bmq:"0,sId"`
	Expression Expression     `bmq:"1,expression"`
	Consumers  []ConsumerInfo `bmq:"2,consumers"`
}

// StreamParameters are all subscriptions of one application id; none stops delivery.
type StreamParameters struct {
	AppID         string         `bmq:"0,appId"`
	Subscriptions []Subscription `bmq:"1,subscriptions"`
}

func (p *StreamParameters) setDefaults() { p.AppID = DefaultAppID }

// ConfigureStream sets consumer options.
type ConfigureStream struct {
	QID              uint32           `bmq:"0,qId"`
	StreamParameters StreamParameters `bmq:"1,streamParameters"`
}

// ConfigureStreamResponse answers ConfigureStream.
type ConfigureStreamResponse struct {
	Request ConfigureStream `bmq:"0,request"`
}
