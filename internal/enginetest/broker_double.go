//go:build cgo && bmqfake

package enginetest

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func init() { moreKinds = append(moreKinds, doubleKind) }

// doubleKind is no broker at all: the double of libbmq has queues of its own, and no
// network that could fail.
var doubleKind = brokerKind{
	name:    "its own queues",
	missing: func() string { return "" },
	inside:  true,
	start:   func(testing.TB, BrokerConfig) broker { return double{} },
	applies: func(name string) bool {
		chapter, behaviour, _ := strings.Cut(name, "/")
		some, listed := doubleBehaviours[chapter]
		return listed && (some == nil || slices.Contains(some, behaviour))
	},
}

// doubleBehaviours are those that neither need a network nor a broker with more than
// queues, by chapters; nil for the whole chapter.
var doubleBehaviours = map[string][]string{
	"construction": strings.Fields(`
		a-session-is-up-when-it-is-returned closing-stops-the-session options-that-are-left-out-have-defaults
		a-broker-uri-that-is-none-is-refused without-a-monitor-health-is-off timeouts-out-of-range-are-refused
		options-that-upstream-dies-of-are-refused a-handler-of-events-is-required an-engine-that-is-not-there-is-refused
		a-forgotten-session-is-stopped a-session-forgotten-by-its-handler-is-stopped`),
	"values": nil,
	"queues": strings.Fields(`
		reading-needs-a-handler suspending-needs-a-monitor what-is-not-open-can-not-be-used a-bad-uri-is-refused
		neither-reading-nor-writing-is-refused an-application-can-not-write a-stopped-session-refuses-everything
		a-writer-needs-no-sensible-consumer-options limits-below-zero-are-refused priorities-out-of-range-are-refused
		a-queue-is-open-once a-closed-queue-can-be-opened-again one-open-is-for-reading-and-writing`),
	"configuring": strings.Fields(`
		options-are-the-defaults-then-what-was-given suspending-can-be-switched`),
	"posting": strings.Fields(`
		what-is-posted-arrives an-ack-has-guid-status-and-queue acks-go-to-their-own-callbacks
		without-a-callback-there-is-no-ack a-callback-of-a-failed-post-is-let-go
		an-empty-payload-is-refused a-reader-can-not-post a-payload-over-64-MiB-is-refused the-largest-payload-arrives
		errors-come-in-upstreams-order a-payload-is-copied any-goroutine-may-post a-batch-is-posted-in-order
		a-batch-stops-at-what-can-not-be-posted`),
	"properties": strings.Fields(`
		types-follow-from-values types-can-be-overridden an-override-needs-its-property
		values-of-other-types-are-refused a-value-that-fits-no-override-is-refused a-char-is-one-byte
		integers-are-checked-against-their-type all-types-arrive limits-are-checked none-is-none many-travel`),
	"consuming": strings.Fields(`
		a-confirmed-message-does-not-come-again an-unconfirmed-message-comes-again a-message-may-be-kept
		one-goroutine-calls-handlers several-goroutines-call-handlers-at-the-same-time one-session-reads-many-queues
		messages-can-be-pulled pulling-ends-with-its-context-and-with-the-session what-nobody-pulled-stays-for-the-next
		several-goroutines-pull`),
	"confirming": nil,
	"flow": strings.Fields(`
		no-more-than-the-window-is-delivered a-window-of-zero-delivers-nothing`),
	"events": strings.Fields(`
		a-slow-consumer-is-told-and-told-again a-handler-of-events-may-panic a-handler-of-messages-may-panic
		a-handler-of-acks-may-panic a-handler-may-end-its-goroutine`),
	"health": strings.Fields(`
		every-change-is-told-without-queues without-a-monitor-nothing-is-told queues-are-suspended-and-resumed
		a-suspended-writer-refuses-posts a-suspended-reader-gets-nothing-and-confirms insensitive-queues-work-on
		a-session-may-start-unhealthy one-monitor-serves-several-sessions any-monitor-will-do`),
	"handlers": nil,
	"stopping": strings.Fields(`
		a-running-handler-is-waited-for-and-refused a-stuck-handler-holds-nobody-up-for-ever several-may-stop
		unconfirmed-messages-go-back what-waits-for-handlers-is-handled-first draining-loses-nothing-in-hand
		at-any-moment`),
	"extras": strings.Fields(`
		statistics-count a-tracer-sees-operations uris-are-taken-apart-and-put-together guids-are-read-and-written`),
}

// double does nothing: the double's queues are always there.
type double struct{}

func (double) address() string    { return "" }
func (double) kill()              {}
func (double) terminate()         {}
func (double) restart()           {}
func (double) freeze()            {}
func (double) thaw()              {}
func (double) pass(time.Duration) {}
func (double) failed() string     { return "" }
func (double) close()             {}
