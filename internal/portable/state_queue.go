package portable

import "github.com/bmq-go/bmq/internal/engine"

type queueState uint8

const (
	queueClosed             queueState = iota
	queueOpening                       // openQueue was sent, or waits for a connection
	queueOpenConfiguring               // then configureStream
	queueOpened                        // in use
	queuePending                       // was in use when the connection went down
	queueReopening                     // openQueue was sent again
	queueReopenConfiguring             // then configureStream
	queueCloseDeconfiguring            // configureStream without subscriptions was sent
	queueClosing                       // then closeQueue
)

func (s queueState) String() string {
	return [...]string{
		"CLOSED", "OPENING", "OPEN_CONFIGURING", "OPENED", "PENDING", "REOPENING", "REOPEN_CONFIGURING",
		"CLOSE_DECONFIGURING", "CLOSING",
	}[s]
}

type queueInput uint8

const (
	inOpen            queueInput = iota
	inOpenedToRead               // the broker opened the queue, which has to be configured
	inOpenedToUse                // the broker opened the queue, which is ready
	inOpenFailed                 // the broker refused to open it
	inConfigured                 // the broker configured or deconfigured it
	inConfigureFailed            // the broker refused that
	inReopen                     // the connection is back
	inCloseDelivering            // Close was called; the queue has to be deconfigured first
	inClose                      // Close was called
	inCloseAnswered              // the broker closed it, or refused to
	inTimeout                    // the broker let the operation time out
	inConnectionLost             // the connection went down
	inSessionStopping            // Stop was called
)

func (i queueInput) String() string {
	return [...]string{
		"OPEN", "OPENED_TO_READ", "OPENED_TO_USE", "OPEN_FAILED", "CONFIGURED", "CONFIGURE_FAILED", "REOPEN",
		"CLOSE_DELIVERING", "CLOSE", "CLOSE_ANSWERED", "TIMEOUT", "CONNECTION_LOST", "SESSION_STOPPING",
	}[i]
}

// queueMachine is filled by init: its actions refer to it.
var queueMachine machine[queueState, queueInput, *queue]

func init() { queueMachine = newMachine(queueTable()) }

func queueTable() []edge[queueState, queueInput, *queue] {
	return []edge[queueState, queueInput, *queue]{
		{queueClosed, inOpen, queueOpening, (*queue).sendOpen},

		{queueOpening, inOpenedToRead, queueOpenConfiguring, (*queue).sendConfigure},
		{queueOpening, inOpenedToUse, queueOpened, (*queue).opened},
		{queueOpening, inOpenFailed, queueClosed, (*queue).openFailed},
		{queueOpening, inTimeout, queueClosed, (*queue).openTimedOut},
		{queueOpening, inConnectionLost, queueOpening, (*queue).keepOpening},
		{queueOpening, inSessionStopping, queueClosed, (*queue).openFailed},

		{queueOpenConfiguring, inConfigured, queueOpened, (*queue).opened},
		{queueOpenConfiguring, inConfigureFailed, queueClosed, (*queue).openUndone},
		{queueOpenConfiguring, inTimeout, queueClosed, (*queue).openTimedOut},
		{queueOpenConfiguring, inConnectionLost, queueOpening, (*queue).keepOpening},
		{queueOpenConfiguring, inSessionStopping, queueClosed, (*queue).openFailed},

		{queueOpened, inCloseDelivering, queueCloseDeconfiguring, (*queue).sendDeconfigure},
		{queueOpened, inClose, queueClosing, (*queue).sendClose},
		{queueOpened, inConnectionLost, queuePending, (*queue).interrupted},
		{queueOpened, inSessionStopping, queueClosed, (*queue).dropped},

		{queuePending, inReopen, queueReopening, (*queue).sendReopen},
		{queuePending, inClose, queueClosed, (*queue).closed},
		{queuePending, inSessionStopping, queueClosed, (*queue).dropped},

		{queueReopening, inOpenedToRead, queueReopenConfiguring, (*queue).sendConfigure},
		{queueReopening, inOpenedToUse, queueOpened, (*queue).reopened},
		{queueReopening, inOpenFailed, queueClosed, (*queue).reopenFailed},
		{queueReopening, inTimeout, queueReopening, (*queue).reopenTimedOut},
		{queueReopening, inConnectionLost, queuePending, (*queue).interrupted},
		{queueReopening, inClose, queueClosing, (*queue).sendClose},
		{queueReopening, inSessionStopping, queueClosed, (*queue).dropped},

		{queueReopenConfiguring, inConfigured, queueOpened, (*queue).reopened},
		{queueReopenConfiguring, inConfigureFailed, queueClosed, (*queue).reopenUndone},
		{queueReopenConfiguring, inTimeout, queueReopenConfiguring, (*queue).reopenTimedOut},
		{queueReopenConfiguring, inConnectionLost, queuePending, (*queue).interrupted},
		{queueReopenConfiguring, inClose, queueClosing, (*queue).sendClose},
		{queueReopenConfiguring, inSessionStopping, queueClosed, (*queue).dropped},

		{queueCloseDeconfiguring, inConfigured, queueClosing, (*queue).sendClose},
		{queueCloseDeconfiguring, inConfigureFailed, queueClosing, (*queue).sendClose},
		{queueCloseDeconfiguring, inTimeout, queueClosed, (*queue).closeTimedOut},
		{queueCloseDeconfiguring, inConnectionLost, queueClosed, (*queue).closeCanceled},
		{queueCloseDeconfiguring, inSessionStopping, queueClosed, (*queue).closed},

		{queueClosing, inCloseAnswered, queueClosed, (*queue).closed},
		{queueClosing, inTimeout, queueClosed, (*queue).closeTimedOut},
		{queueClosing, inConnectionLost, queueClosed, (*queue).closeCanceled},
		{queueClosing, inSessionStopping, queueClosed, (*queue).closed},
	}
}

func (q *queue) step(on queueInput, st engine.Status) {
	from := q.state
	if queueMachine.step(q, &q.state, on, st) {
		q.s.log.Debug("queue state", "queue", q.uri, "from", from, "on", on, "to", q.state)
		return
	}
	q.s.log.Debug("queue: nothing to do", "queue", q.uri, "state", from, "on", on)
}
