package main

import (
	"context"
	"fmt"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/sessionevents"
)

// feed posts three messages, so that the consumer has something to do. It is a client
// of its own, as a producer would be.
func feed(ctx context.Context, uri, queue string) error {
	session, err := bmq.NewSession(ctx, sessionevents.LogSessionEvent, bmq.WithBroker(uri))
	if err != nil {
		return err
	}
	defer session.Close()
	if err := session.OpenQueue(ctx, queue, bmq.WithWrite()); err != nil {
		return err
	}
	for i := range 3 {
		if err := session.Post(ctx, queue, fmt.Appendf(nil, "message %d", i)); err != nil {
			return err
		}
	}
	return session.CloseQueue(ctx, queue)
}
