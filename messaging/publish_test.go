package messaging_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/messaging"
)

func TestAReceiptTellsWhereAMessageIs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders})
		r, err := p.Publish(t.Context(), []byte("hello"))
		require.NoError(t, err)
		stored := w.Messages(orders, "", 0, 10)
		require.Len(t, stored, 1)
		require.Equal(t, messaging.Receipt{Queue: orders, GUID: r.GUID, Attempts: 1, Size: 5, Posted: 5}, r)
		require.Equal(t, stored[0].GUID, r.GUID.String())
		require.False(t, stored[0].HasProperties, "nothing is said about bytes")
	})
}

func TestBodiesAreSentAsWhatTheyAre(t *testing.T) {
	type order struct {
		ID int `json:"id"`
	}
	for _, c := range []struct {
		body              any
		sent              string
		content, encoding string
	}{
		{[]byte{1, 2}, "\x01\x02", "", ""},
		{"grüß", "grüß", messaging.ContentText, "utf-8"},
		{json.RawMessage(`{"a":1}`), `{"a":1}`, messaging.ContentJSON, "utf-8"},
		{order{7}, `{"id":7}`, messaging.ContentJSON, "utf-8"},
		{nil, `null`, messaging.ContentJSON, "utf-8"},
		{&messaging.Message{Body: []byte("<a/>"), ContentType: "text/xml", ContentEncoding: "utf-8"}, "<a/>", "text/xml", "utf-8"},
		{&messaging.Message{Body: "<a/>", ContentType: "text/xml"}, "<a/>", "text/xml", ""},
		{&messaging.Message{Body: 3, Codec: "json"}, "3", messaging.ContentJSON, "utf-8"},
		{&messaging.Message{Body: 3, ContentType: messaging.ContentJSON}, "3", messaging.ContentJSON, "utf-8"},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			w.publishes(orders, c.body)
			d := w.fetch(w.reads(w.client(), orders))
			require.Equal(t, c.sent, string(d.Data()))
			require.Equal(t, c.content, d.ContentType())
			require.Equal(t, c.encoding, d.ContentEncoding())
		})
	}
}

func TestAMessageArrivesWithAllThatItSays(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.producer(w.client(), messaging.ProducerConfig{
			Queue: orders, Key: "order.new", AppID: "shop", Header: messaging.Header{"site": "EU", "n": 1}, Stamp: true,
		})
		made := time.Now().Add(-time.Hour)
		r, err := p.Publish(t.Context(), &messaging.Message{
			Body: "hello", Header: messaging.Header{"n": int16(2), "ok": true, "raw": []byte{1}, "c": byte(3)},
			CorrelationID: "c1", ReplyTo: other, Type: "greeting", UserID: "me", Timestamp: made, Expiration: time.Hour,
		})
		require.NoError(t, err)
		d := w.fetch(w.reads(w.client(), orders))
		require.Equal(t, messaging.Header{"site": "EU", "n": int16(2), "ok": true, "raw": []byte{1}, "c": byte(3)}, d.Header())
		require.NotEmpty(t, d.MessageID())
		require.Equal(t, r.MessageID, d.MessageID())
		require.Equal(t, []string{"order.new", "shop", "c1", other, "greeting", "me"},
			[]string{d.Key(), d.AppID(), d.CorrelationID(), d.ReplyTo(), d.Type(), d.UserID()})
		require.Equal(t, made.UnixMilli(), d.Timestamp().UnixMilli())
		require.Equal(t, time.Now().Add(time.Hour).UnixMilli(), d.Expires().UnixMilli())
		require.Equal(t, 1, d.Attempt())
		require.Empty(t, d.Exchange())
	})
}

func TestWhatCanNotBeSentIsRefusedBeforeAnythingIs(t *testing.T) {
	for what, c := range map[string]struct {
		body any
		is   error
	}{
		"empty body":           {[]byte{}, bmq.ErrPayloadEmpty},
		"empty text":           {"", bmq.ErrPayloadEmpty},
		"float header":         {&messaging.Message{Body: "x", Header: messaging.Header{"f": 1.5}}, messaging.ErrHeader},
		"nil header":           {&messaging.Message{Body: "x", Header: messaging.Header{"f": nil}}, messaging.ErrHeader},
		"huge integer":         {&messaging.Message{Body: "x", Header: messaging.Header{"f": uint64(1 << 63)}}, messaging.ErrHeader},
		"bad name":             {&messaging.Message{Body: "x", Header: messaging.Header{"_f": 1}}, messaging.ErrHeader},
		"reserved name":        {&messaging.Message{Body: "x", Header: messaging.Header{"routing_key": "a"}}, messaging.ErrHeader},
		"bad text":             {&messaging.Message{Body: "x", Header: messaging.Header{"a": "\xff"}}, messaging.ErrHeader},
		"too many headers":     {&messaging.Message{Body: "x", Header: manyHeaders()}, messaging.ErrHeader},
		"no codec":             {&messaging.Message{Body: "x", Codec: "pickle"}, messaging.ErrNoCodec},
		"no codec for a type":  {&messaging.Message{Body: 1, ContentType: "application/x-yaml"}, messaging.ErrNoCodec},
		"no compressor":        {&messaging.Message{Body: "x", Compression: "brotli"}, messaging.ErrNoCodec},
		"not to be encoded":    {make(chan int), messaging.ErrEncode},
		"panicking codec":      {panicking{}, messaging.ErrEncode},
		"immediate":            {&messaging.Message{Body: "x", Immediate: true}, errors.ErrUnsupported},
		"priority":             {&messaging.Message{Body: "x", Priority: 3}, errors.ErrUnsupported},
		"delivery mode":        {&messaging.Message{Body: "x", DeliveryMode: messaging.Persistent}, errors.ErrUnsupported},
		"bad queue":            {&messaging.Message{Body: "x", Queue: "what?"}, bmq.ErrInvalidURI},
		"queue of application": {&messaging.Message{Body: "x", Queue: newsFoo}, messaging.ErrNotStored},
		"too large":            {make([]byte, 64<<20+1), bmq.ErrPayloadTooBig},
	} {
		t.Run(what, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				returned := 0
				p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders, OnReturn: func(messaging.Return) { returned++ }})
				r, err := p.Publish(t.Context(), c.body)
				_, asyncErr := p.PublishAsync(t.Context(), c.body).Wait(t.Context())
				_, batchErr := p.PublishBatch(t.Context(), "good", c.body)
				for _, err := range []error{err, asyncErr, batchErr} {
					require.ErrorIs(t, err, c.is)
					require.ErrorIs(t, err, messaging.ErrNotStored)
				}
				require.Zero(t, r)
				require.Empty(t, w.bodies(orders))
				require.GreaterOrEqual(t, returned, 3)
			})
		})
	}
}

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("no") }

func manyHeaders() messaging.Header {
	h := messaging.Header{}
	for i := range 256 {
		h["h"+strconv.Itoa(i)] = i
	}
	return h
}

func TestWhatIsNotStoredIsTriedAgainUntilItIs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackLimitMessages, Times: 3})
		var waits []time.Duration
		p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders, Retry: &messaging.RetryPolicy{
			Start: time.Second, Max: 3 * time.Second,
			OnRetry: func(err error, attempt int, wait time.Duration) {
				require.ErrorIs(t, err, bmq.ErrLimitMessages)
				require.Equal(t, len(waits)+1, attempt)
				waits = append(waits, wait)
			},
		}})
		var r messaging.Receipt
		took := timed(func() {
			var err error
			r, err = p.Publish(t.Context(), "x")
			require.NoError(t, err)
		})
		require.Equal(t, 4, r.Attempts)
		require.Equal(t, []string{"x"}, w.bodies(orders))
		require.Len(t, waits, 3)
		var sum time.Duration
		for i, longest := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second} {
			require.GreaterOrEqual(t, waits[i], longest/2)
			require.LessOrEqual(t, waits[i], longest)
			sum += waits[i]
		}
		require.Equal(t, sum, took)
	})
}

func TestTheLimitsOfARetryPolicyAreExact(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		refusing := w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackLimitBytes})
		c := w.client()
		publish := func(policy messaging.RetryPolicy, timeout time.Duration) (tries int, took time.Duration, err error) {
			p := w.producer(c, messaging.ProducerConfig{Queue: orders, Retry: &policy, Timeout: timeout})
			before := refusing.Hits()
			took = timed(func() { _, err = p.Publish(t.Context(), "x") })
			return refusing.Hits() - before, took, err
		}
		tries, took, err := publish(messaging.RetryPolicy{MaxAttempts: 1}, 0)
		require.ErrorIs(t, err, bmq.ErrLimitBytes)
		require.ErrorIs(t, err, messaging.ErrNotStored)
		require.NotErrorIs(t, err, messaging.ErrOutcomeUnknown)
		require.Equal(t, 1, tries)
		require.Zero(t, took)

		tries, _, err = publish(messaging.RetryPolicy{MaxAttempts: 5}, 0)
		require.Equal(t, 5, tries)
		var failed *messaging.PublishError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, messaging.PublishError{Queue: orders, Outcome: messaging.NotStored, Attempts: 5, Err: failed.Err}, *failed)

		_, took, err = publish(messaging.RetryPolicy{Total: 10 * time.Second}, 0)
		require.ErrorIs(t, err, bmq.ErrLimitBytes)
		require.LessOrEqual(t, took, 10*time.Second)
		require.Greater(t, took, 2*time.Second)

		_, took, err = publish(messaging.RetryPolicy{Total: time.Hour}, 5*time.Second)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, messaging.ErrNotStored)
		require.LessOrEqual(t, took, 5*time.Second)

		tries, _, err = publish(messaging.RetryPolicy{RetryIf: func(error) bool { return false }}, 0)
		require.Error(t, err)
		require.Equal(t, 1, tries)

		require.Empty(t, w.bodies(orders))
	})
}

func TestARefusalThatWillNotChangeIsNotTriedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.producer(w.client(), messaging.ProducerConfig{})
		var err error
		require.Zero(t, timed(func() {
			_, err = p.Publish(t.Context(), &messaging.Message{Body: "x", Queue: "bmq://no.such.domain/q"})
		}))
		require.ErrorIs(t, err, messaging.ErrNotStored)
		require.ErrorIs(t, err, bmq.ErrBMQ)
	})
}

func TestTheOutcomeIsUnknownWhenNoAnswerCame(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.HoldAcks(true)
		c := w.client()
		p := w.producer(c, messaging.ProducerConfig{Queue: orders, Timeout: 7 * time.Second})
		var err error
		require.Equal(t, 7*time.Second, timed(func() { _, err = p.Publish(t.Context(), "x") }))
		require.ErrorIs(t, err, messaging.ErrOutcomeUnknown)
		require.NotErrorIs(t, err, messaging.ErrNotStored)

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		require.Equal(t, 3*time.Second, timed(func() { _, err = p.Publish(ctx, "y") }))
		require.ErrorIs(t, err, messaging.ErrOutcomeUnknown)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, []string{"x", "y"}, w.bodies(orders), "it was stored, once")
		require.Equal(t, uint64(2), c.Stats().Unknown)
		w.HoldAcks(false)
		require.NoError(t, p.Flush(t.Context()))
	})
}

func TestWithoutABrokerPublishingEndsWithItsContext(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client()
		p := w.producer(c, messaging.ProducerConfig{Queue: orders})
		w.Kill()
		awaitConnected(c, false)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var err error
		require.Equal(t, 3*time.Second, timed(func() { _, err = p.Publish(ctx, "x") }))
		require.ErrorIs(t, err, messaging.ErrOutcomeUnknown, "the session keeps it")
		_, err = p.Publish(ctx, "y")
		require.ErrorIs(t, err, messaging.ErrNotStored, "it did not even get there")

		require.NoError(t, w.Restart(t.Context(), bmqtest.KeepAll))
		_, err = p.Publish(t.Context(), "z")
		require.NoError(t, err)
		require.Equal(t, []string{"x", "z"}, w.bodies(orders), "it was sent after all, once")
	})
}

func TestFailingFastTriesAsOftenAsItMay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(func(cfg *messaging.Config) { cfg.FailFast = true })
		tries := 1
		policy := messaging.RetryPolicy{MaxAttempts: 4, OnRetry: func(err error, _ int, _ time.Duration) {
			require.ErrorIs(t, err, messaging.ErrConnectionLost)
			tries++
		}}
		p := w.producer(c, messaging.ProducerConfig{Queue: orders, Retry: &policy})
		w.Kill()
		awaitConnected(c, false)
		_, err := p.Publish(t.Context(), "x")
		require.ErrorIs(t, err, messaging.ErrConnectionLost)
		require.ErrorIs(t, err, messaging.ErrNotStored)
		require.Equal(t, 4, tries)

		require.NoError(t, w.Restart(t.Context(), bmqtest.KeepAll))
		awaitConnected(c, true)
		_, err = p.Publish(t.Context(), "y")
		require.NoError(t, err)
		require.Equal(t, []string{"y"}, w.bodies(orders), "what was refused was not sent")
	})
}

// awaitConnected waits until a client knows of its connection.
func awaitConnected(c *messaging.Client, up bool) {
	for c.Connected() != up {
		time.Sleep(time.Millisecond)
	}
}

func TestALostConnectionSendsNothingTwice(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		// Stored, but the answer is lost with the connection: the session repeats the post, and
		// the broker recognises it.
		w.Inject(bmqtest.Fault{On: bmqtest.Sending, Event: bmqtest.EventAck, Do: bmqtest.Cut, Times: 1})
		c := w.client()
		p := w.producer(c, messaging.ProducerConfig{Queue: orders})
		r, err := p.Publish(t.Context(), "x")
		require.NoError(t, err)
		require.Equal(t, 1, r.Attempts)
		require.Equal(t, []string{"x"}, w.bodies(orders))
	})
}

func TestARefusalAfterALostConnectionIsNoProof(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Inject(bmqtest.Fault{On: bmqtest.Sending, Event: bmqtest.EventAck, Do: bmqtest.Cut, Times: 1})
		w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackLimitMessages, Skip: 1})
		p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders})
		_, err := p.Publish(t.Context(), "x")
		require.ErrorIs(t, err, messaging.ErrOutcomeUnknown)
		require.Equal(t, []string{"x"}, w.bodies(orders))
	})
}

func TestDuplicatesAreMadeOnlyWhereTheyAreAllowed(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		inWorld(t, func(t *testing.T, w *world) {
			w.Inject(bmqtest.Fault{On: bmqtest.Posting, Do: bmqtest.Refuse, Ack: bmqtest.NackUnknown, Times: 1})
			p := w.producer(w.client(), messaging.ProducerConfig{Queue: orders, Retry: &messaging.RetryPolicy{AllowDuplicates: allowed}})
			r, err := p.Publish(t.Context(), "x")
			if !allowed {
				require.ErrorIs(t, err, messaging.ErrOutcomeUnknown)
				require.Empty(t, w.bodies(orders))
				return
			}
			require.NoError(t, err)
			require.Equal(t, 2, r.Attempts)
			require.NotEmpty(t, r.MessageID, "by which receivers recognise it")
			require.Equal(t, r.MessageID, w.fetch(w.reads(w.client(), orders)).MessageID())
		})
	}
}

func TestAQueueThatWasLostIsOpenedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(func(cfg *messaging.Config) { cfg.Retry.Total = time.Second })
		p := w.producer(c, messaging.ProducerConfig{Queue: orders})
		refused := bmqtest.Status{Category: bmqtest.Refused, Message: "not now"}
		refusing := w.Inject(bmqtest.Fault{On: bmqtest.Requesting, Request: bmqtest.OpenQueue, Do: bmqtest.Refuse, Status: refused})
		w.DropConnections("")
		awaitConnected(c, false)
		awaitConnected(c, true)
		synctest.Wait()
		_, err := p.Publish(t.Context(), "x")
		require.ErrorIs(t, err, bmq.ErrRefused)
		require.ErrorIs(t, err, messaging.ErrNotStored)
		refusing.Remove()
		_, err = p.Publish(t.Context(), "y")
		require.NoError(t, err)
		require.Equal(t, []string{"y"}, w.bodies(orders))
	})
}
