package bmq

import (
	"fmt"

	"github.com/bmq-go/bmq/internal/engine"
	"github.com/bmq-go/bmq/internal/wire"
)

// Confirm does what MessageHandle.Confirm does, for the message with m's QueueURI
// and GUID.
func (s *Session) Confirm(m *Message) error {
	if m == nil {
		return typeError("message must not be nil")
	}
	return s.core.confirm(nil, m.QueueURI, m.GUID)
}

// confirm confirms a message of the queue that is open under uri. q is the queue
// that the message came from, where that is known; it spares the look-up.
func (c *core) confirm(q *queue, uri string, guid MessageGUID) error {
	if c.stopped.Load() {
		return errStopped(opConfirm, uri)
	}
	if q == nil || q.closing.Load() {
		if q = c.queues.lookup(uri); q == nil {
			return errNotOpened(opConfirm, uri)
		}
	}
	if q.closing.Load() {
		return failure(opConfirm, uri, ErrQueueClosing,
			"Attempting to confirm message on a closing queue. Please ensure that you configure with 0 max unconfirmed messages before closing the queue %s", uri)
	}
	if guid.IsZero() {
		return failure(opConfirm, uri, ErrInvalidGUID, "Invalid GUID provided: it is unset")
	}
	if st := q.engine.Confirm(wire.GUID(guid)); !st.OK() {
		return confirmError(uri, st, guid)
	}
	return nil
}

func confirmError(uri string, st engine.Status, guid MessageGUID) error {
	info := lookupCode(opConfirm, st.Code)
	return &Error{
		Op: opConfirm, QueueURI: uri, Code: ResultCode(st.Code), CodeName: info.name, Desc: st.Text, Err: info.err,
		detail: fmt.Sprintf("Failed to confirm message [%s]: %s", guid, info.name),
	}
}
