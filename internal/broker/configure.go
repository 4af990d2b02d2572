package broker

import (
	"github.com/bmq-go/bmq/internal/expr"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// configureStream handles configureStream.
func (s *session) configureStream(id int32, req *ctrl.ConfigureStream) {
	s.configure(id, req, ctrl.Choice{ConfigureStreamResponse: &ctrl.ConfigureStreamResponse{Request: *req}})
}

// configureQueueStream handles the request of clients that know no subscriptions:
// they have one, whose id is that of the stream.
func (s *session) configureQueueStream(id int32, req *ctrl.ConfigureQueueStream) {
	in := &req.StreamParameters
	sub := ctrl.SubQueueIDInfo{AppID: ctrl.DefaultAppID}
	if in.SubIDInfo != nil {
		sub = *in.SubIDInfo
	}
	s.configure(id, &ctrl.ConfigureStream{QID: req.QID, StreamParameters: ctrl.StreamParameters{
		AppID: sub.AppID,
		Subscriptions: []ctrl.Subscription{{SID: sub.SubID, Consumers: []ctrl.ConsumerInfo{{
			MaxUnconfirmedMessages: in.MaxUnconfirmedMessages,
			MaxUnconfirmedBytes:    in.MaxUnconfirmedBytes,
			ConsumerPriority:       in.ConsumerPriority,
			ConsumerPriorityCount:  in.ConsumerPriorityCount,
		}}}},
	}}, ctrl.Choice{ConfigureQueueStreamResponse: &ctrl.ConfigureQueueStreamResponse{Request: *req}})
}

// configure sets the subscriptions of a stream. The response goes out before any
// message for the new ones.
func (s *session) configure(id int32, req *ctrl.ConfigureStream, success ctrl.Choice) {
	h := s.handles[req.QID]
	if h == nil {
		s.refuse(id, status(ctrl.StatusUnknown, 0, "No queue with specified Id"))
		return
	}
	h.queue.lock()
	defer h.queue.unlock()
	st := h.stream(req.StreamParameters.AppID)
	switch {
	case st == nil:
		s.refuse(id, status(ctrl.StatusUnknown, 0, "No queue with specified appId"))
		return
	case st.reads == 0:
		s.reply(id, success)
		return
	case !validPriorities(req.StreamParameters.Subscriptions):
		s.refuse(id, status(ctrl.StatusUnknown, codeUnknown, "Attempting to configure stream with invalid priority."))
		return
	}
	s.checkExpressions(req.StreamParameters.Subscriptions)
	st.configure(req.StreamParameters.Subscriptions)
	st.app.reconfigure()
	s.reply(id, success)
	st.app.deliver()
}

// validPriorities tells whether each consumer either has a priority and a count, or
// neither.
func validPriorities(list []ctrl.Subscription) bool {
	for _, s := range list {
		for _, c := range s.Consumers {
			if (c.ConsumerPriority == ctrl.InvalidPriority) == (c.ConsumerPriorityCount > 0) {
				return false
			}
		}
	}
	return true
}

// checkExpressions logs the expressions that do not compile. They match everything
// and the client is not told: checking them is up to its SDK.
func (s *session) checkExpressions(list []ctrl.Subscription) {
	for i := range list {
		if e := &list[i].Expression; e.Version == ctrl.ExpressionVersion1 && e.Text != "" {
			if _, err := expr.Compile(e.Text); err != nil {
				s.warn("an expression does not compile and matches everything", err)
			}
		}
	}
}
