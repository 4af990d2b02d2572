package bmq

import (
	"errors"
	"fmt"
	"maps"
	"slices"

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

// ConfirmBatch confirms messages together. If one of them can't be confirmed, none
// of the messages of its queue is; messages of other queues are confirmed all the same.
// The error joins those of the queues.
func (s *Session) ConfirmBatch(messages ...*Message) error {
	c := s.core
	if c.stopped.Load() {
		return errStopped(opConfirm, "")
	}
	byQueue := make(map[string][]wire.GUID)
	for _, m := range messages {
		if m == nil {
			return typeError("message must not be nil")
		}
		byQueue[m.QueueURI] = append(byQueue[m.QueueURI], wire.GUID(m.GUID))
	}
	var errs []error
	for _, uri := range slices.Sorted(maps.Keys(byQueue)) {
		q, err := c.confirmable(uri, byQueue[uri]...)
		if err == nil {
			if st := q.engine.ConfirmBatch(byQueue[uri]); !st.OK() {
				err = confirmError(uri, st, MessageGUID(byQueue[uri][0]))
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// confirm confirms a message of the queue that is open under uri. q is the queue
// that the message came from, where that is known; it spares the look-up.
func (c *core) confirm(q *queue, uri string, guid MessageGUID) error {
	if c.stopped.Load() {
		return errStopped(opConfirm, uri)
	}
	if q == nil || q.closing.Load() || guid.IsZero() {
		var err error
		if q, err = c.confirmable(uri, wire.GUID(guid)); err != nil {
			return err
		}
	}
	if st := q.engine.Confirm(wire.GUID(guid)); !st.OK() {
		return confirmError(uri, st, guid)
	}
	return nil
}

// confirmable returns the queue of the given messages, or why they can't be confirmed.
func (c *core) confirmable(uri string, guids ...wire.GUID) (*queue, error) {
	q := c.queues.lookup(uri)
	switch {
	case q == nil:
		return nil, errNotOpened(opConfirm, uri)
	case q.closing.Load():
		return nil, failure(opConfirm, uri, ErrQueueClosing,
			"Attempting to confirm message on a closing queue. Please ensure that you configure with 0 max unconfirmed messages before closing the queue %s", uri)
	case slices.ContainsFunc(guids, wire.GUID.IsZero):
		return nil, failure(opConfirm, uri, ErrInvalidGUID, "Invalid GUID provided: it is unset")
	}
	return q, nil
}

func confirmError(uri string, st engine.Status, guid MessageGUID) error {
	info := lookupCode(opConfirm, st.Code)
	return &Error{
		Op: opConfirm, QueueURI: uri, Code: ResultCode(st.Code), CodeName: info.name, Desc: st.Text, Err: info.err,
		detail: fmt.Sprintf("Failed to confirm message [%s]: %s", guid, info.name),
	}
}
