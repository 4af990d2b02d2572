package enginetest

import (
	"maps"
	"slices"

	"github.com/bmq-go/bmq"
)

const cannotPing = "libbmq has no question for the broker that means nothing: Health tells what it knows of the connection"

// libbmqDiffers has the behaviours that the native engine has otherwise, with the
// reason, which is libbmq's. The table in docs/engines.md says more.
var libbmqDiffers = map[string]string{
	"contexts/health-ends-while-the-connection-is-stalled": cannotPing,
	"contexts/health-ends-while-answers-are-lost":          cannotPing,
	"contexts/health-ends-while-the-broker-is-frozen":      cannotPing,
	"broadcast/stopping-answers-posts-with-success": "libbmq answers posts to broadcast queues with success when the queue is " +
		"closed, but with UNKNOWN when the session is stopped",
	"reconnecting/kept-posts-expire-before-repeats-would-be-unknown": "libbmq lets posts expire only if one of them was " +
		"unanswered when the connection was lost",
	"reconnecting/a-message-that-arrives-slowly-is-waited-for": "libbmq takes an event for a sign of life when it is " +
		"complete, and gives the connection up before that",
}

// Differences returns the names of the behaviours that an engine has otherwise.
func Differences() []string { return slices.Sorted(maps.Keys(libbmqDiffers)) }

// pings tells whether Health asks the broker.
func (e *Env) pings() bool { return e.engine == bmq.EnginePortable }
