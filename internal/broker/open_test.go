package broker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func TestOpenQueueTellsRoutingAndDeduplicationTime(t *testing.T) {
	config := broker.Config{Domains: []broker.Domain{
		{Name: "p"}, {Name: "f", Mode: broker.Fanout, AppIDs: []string{"foo"}}, {Name: "b", Mode: broker.Broadcast},
		{Name: "d", DeduplicationTime: time.Second}, {Name: "n", DeduplicationTime: -1},
	}}
	inWorld(t, config, func(t *testing.T, w *world) {
		c := w.client()
		for i, want := range []struct {
			uri   string
			flags uint64
			dedup int32
		}{
			{"bmq://p/q", 2, 300000}, {"bmq://f/q", 10, 300000}, {"bmq://b/q", 7, 300000}, {"bmq://d/q", 2, 1000}, {"bmq://n/q", 2, 0},
		} {
			r, failed := c.tryOpen(params(want.uri, uint32(i), write))
			require.Nil(t, failed)
			require.Equal(t, want.flags, r.RoutingConfiguration.Flags)
			require.Equal(t, want.dedup, r.DeduplicationTimeMs)
			require.Equal(t, params(want.uri, uint32(i), write), r.OriginalRequest.HandleParameters)
		}
	})
}

func TestOpenQueueRefusals(t *testing.T) {
	with := func(change func(*ctrl.QueueHandleParameters)) ctrl.QueueHandleParameters {
		p := params(priorityQueue, 50, write)
		change(&p)
		return p
	}
	app := func(uri string, flags uint64, id string) ctrl.QueueHandleParameters {
		p := params(uri, 50, flags)
		p.SubIDInfo = &ctrl.SubQueueIDInfo{SubID: 1, AppID: id}
		return p
	}
	for name, c := range map[string]struct {
		params   ctrl.QueueHandleParameters
		category ctrl.StatusCategory
		code     int32
		text     string
	}{
		"URI": {with(func(p *ctrl.QueueHandleParameters) { p.URI = "http://x/y" }), ctrl.StatusRefused, 0, `Invalid scheme: uri must start with "bmq://"`},
		"long name": {with(func(p *ctrl.QueueHandleParameters) { p.URI += strings.Repeat("x", 64) }), ctrl.StatusRefused, 0,
			"Queue name exceeds 64 characters"},
		"domain": {with(func(p *ctrl.QueueHandleParameters) { p.URI = "bmq:///q" }), ctrl.StatusRefused, 0, "Missing domain"},
		"queue":  {with(func(p *ctrl.QueueHandleParameters) { p.URI = "bmq://d" }), ctrl.StatusRefused, 0, "Missing queue"},
		"tier":   {with(func(p *ctrl.QueueHandleParameters) { p.URI = "bmq://d.~/q" }), ctrl.StatusRefused, 0, "Empty tier"},
		"character": {with(func(p *ctrl.QueueHandleParameters) { p.URI = "bmq://d/a b" }), ctrl.StatusRefused, 0,
			"Path parsing failed: unsupported char (int)32"},
		"character of the tier": {with(func(p *ctrl.QueueHandleParameters) { p.URI = "bmq://d.~a_b/q" }), ctrl.StatusRefused, 0,
			"Tier parsing failed: unsupported char (int)95"},
		"query": {with(func(p *ctrl.QueueHandleParameters) { p.URI = "bmq://d/q?x=y" }), ctrl.StatusRefused, 0,
			`Query parsing failed: unsupported query "x"`},
		"query without value": {with(func(p *ctrl.QueueHandleParameters) { p.URI = "bmq://d/q?id=" }), ctrl.StatusRefused, 0,
			`Query parsing failed: missing value after "="`},
		"query without name": {with(func(p *ctrl.QueueHandleParameters) { p.URI = "bmq://d/q?id" }), ctrl.StatusRefused, 0,
			"Query parsing failed: no separator found"},
		"no counts": {with(func(p *ctrl.QueueHandleParameters) { p.WriteCount = 0 }), ctrl.StatusInvalidArgument, 0,
			"At least one of ([read|write]) Count must be >0"},
		"admin count": {with(func(p *ctrl.QueueHandleParameters) { p.AdminCount = 1 }), ctrl.StatusInvalidArgument, 0, "adminCount must be 0"},
		"admin flag": {with(func(p *ctrl.QueueHandleParameters) { p.Flags |= ctrl.QueueFlagAdmin }), ctrl.StatusInvalidArgument, -1,
			"Invalid handle parameters specified"},
		"admin flag, unknown domain": {with(func(p *ctrl.QueueHandleParameters) { p.Flags |= ctrl.QueueFlagAdmin; p.URI = "bmq://nope/q" }), ctrl.StatusUnknown, -1,
			"Domain file 'etc/domains/nope.json' doesn't exist"},
		"read flag": {with(func(p *ctrl.QueueHandleParameters) { p.Flags |= read }), ctrl.StatusInvalidArgument, 0,
			"Read flag and readCount must both be set accordingly"},
		"read count": {with(func(p *ctrl.QueueHandleParameters) { p.ReadCount = 1 }), ctrl.StatusInvalidArgument, 0,
			"Read flag and readCount must both be set accordingly"},
		"write flag": {with(func(p *ctrl.QueueHandleParameters) { p.Flags, p.ReadCount = read, 1 }), ctrl.StatusInvalidArgument, 0,
			"Write flag and writeCount must both be set accordingly"},
		"write count": {with(func(p *ctrl.QueueHandleParameters) { p.Flags, p.ReadCount, p.WriteCount = read|write, 1, 0 }),
			ctrl.StatusInvalidArgument, 0, "Write flag and writeCount must both be set accordingly"},
		"reserved id": {with(func(p *ctrl.QueueHandleParameters) { p.QID = 0xFFFFFFF6 }), ctrl.StatusInvalidArgument, 0,
			"qId must not be set from the reserved queue ids range"},
		"writer of an application": {app(fanoutQueue, write, "foo"), ctrl.StatusInvalidArgument, 0,
			"AppId should not be specified in the URI if queue is opened in write mode"},
		"id of another queue": {with(func(p *ctrl.QueueHandleParameters) { p.QID, p.URI = 1, priorityQueue+"2" }), ctrl.StatusInvalidArgument, -1,
			"queueId is already in use for a different queue"},
		"id of another queue, unknown domain": {with(func(p *ctrl.QueueHandleParameters) { p.QID, p.URI = 1, "bmq://nope/q" }), ctrl.StatusUnknown, -1,
			"Domain file 'etc/domains/nope.json' doesn't exist"},
		"id of another queue, reader without application": {params(fanoutQueue, 1, read), ctrl.StatusUnknown, -1,
			"Reader of a fanout queue requires an appId to be specified."},
		"reader without application": {params(fanoutQueue, 50, read), ctrl.StatusUnknown, -1,
			"Reader of a fanout queue requires an appId to be specified."},
		"application without fanout": {app(priorityQueue, read, "foo"), ctrl.StatusUnknown, -1,
			"AppId should not be specified when opening a non-fanout queue"},
		"application in the query only": {params(fanoutQueue+"?id=foo", 50, read), ctrl.StatusUnknown, -1,
			"Reader of a fanout queue requires an appId to be specified."},
		"unknown domain": {params("bmq://nope/q", 50, write), ctrl.StatusUnknown, -1, "Domain file 'etc/domains/nope.json' doesn't exist"},
		"counter overflow": {with(func(p *ctrl.QueueHandleParameters) { p.QID, p.WriteCount = 1, 0x7fffffff }), ctrl.StatusRefused, -1,
			"Reached maximum read/write/admin counters for a queue"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
				p := w.client()
				p.open(priorityQueue, 1, write)
				_, failed := p.tryOpen(c.params)
				require.NotNil(t, failed)
				require.Equal(t, c.category, failed.Category)
				require.Equal(t, c.code, failed.Code)
				require.Contains(t, failed.Message, c.text)
				// The session goes on as if nothing had happened.
				p.produce(1, "x")
			})
		})
	}
}

func TestLimitsOfProducersConsumersAndQueues(t *testing.T) {
	config := broker.Config{Domains: []broker.Domain{
		{Name: "one", MaxProducers: 1, MaxConsumers: 1, MaxQueues: 1},
		{Name: "f", Mode: broker.Fanout, AppIDs: []string{"foo", "bar"}, MaxConsumers: 1},
	}}
	inWorld(t, config, func(t *testing.T, w *world) {
		a, b := w.client(), w.client()
		a.open("bmq://one/q", 0, read|write)
		for flags, text := range map[uint64]string{
			write:        "Client would exceed the limit of 1 producer(s)",
			read:         "Client would exceed the limit of 1 consumer(s)",
			read | write: "Client would exceed the limit of 1 producer(s) and the limit of 1 consumer(s)",
		} {
			_, failed := b.tryOpen(params("bmq://one/q", 0, flags))
			require.Equal(t, &ctrl.Status{Category: ctrl.StatusUnknown, Code: -1, Message: text}, failed)
		}
		_, failed := b.tryOpen(params("bmq://one/other", 0, write))
		require.Equal(t, &ctrl.Status{Category: ctrl.StatusRefused, Code: -205, Message: "maximum number of queues reached"}, failed)
		a.close(params("bmq://one/q", 0, read|write), true)
		b.open("bmq://one/q", 0, read|write)
		// Consumers count for each application apart.
		a.openApp("bmq://f/q", 1, 1, "foo")
		b.openApp("bmq://f/q", 1, 1, "bar")
	})
}

func TestRedirectionLeadsToOneOtherDomain(t *testing.T) {
	config := broker.Config{
		Domains:   []broker.Domain{{Name: "real"}},
		Redirects: map[string]string{"old": "real", "older": "old", "lost": "nowhere"},
	}
	inWorld(t, config, func(t *testing.T, w *world) {
		producer, consumer := w.client(), w.client()
		producer.open("bmq://old/q", 0, write)
		consumer.consume("bmq://real/q", 0, 1)
		producer.produce(0, "x")
		require.Equal(t, []string{"x"}, consumer.texts())
		_, failed := consumer.tryOpen(params("bmq://older/q", 1, read))
		require.Equal(t, ctrl.StatusUnknown, failed.Category)
		require.EqualValues(t, -3, failed.Code)
		require.Contains(t, failed.Message, "Too many redirections")
		_, failed = consumer.tryOpen(params("bmq://lost/q", 1, read))
		require.Contains(t, failed.Message, "nowhere.json' doesn't exist")
	})
}

func TestATierIsPartOfTheDomain(t *testing.T) {
	inWorld(t, broker.Config{Domains: []broker.Domain{{Name: "d"}, {Name: "d.~lab"}}}, func(t *testing.T, w *world) {
		c := w.client()
		c.open("bmq://d/q", 0, read)
		c.open("bmq://d.~lab/q", 1, read)
		_, failed := c.tryOpen(params("bmq://d.~prod/q", 2, read))
		require.Contains(t, failed.Message, "d.~prod.json' doesn't exist")
		require.Len(t, w.broker.Queues(), 2)
	})
}

func TestUnlistedApplicationOpensAndGetsNothing(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		producer, consumer := w.client(), w.client()
		producer.open(fanoutQueue, 0, write)
		consumer.openApp(fanoutQueue, 0, 1, "nosuch")
		consumer.configureApp(0, "nosuch", sub(1))
		producer.produce(0, "x")
		require.Empty(t, consumer.pushes())
		h := params(fanoutQueue+"?id=nosuch", 0, read)
		h.SubIDInfo = &ctrl.SubQueueIDInfo{SubID: 1, AppID: "nosuch"}
		consumer.close(h, true)
		q, _ := w.broker.Queue(fanoutQueue)
		require.Len(t, q.Apps, 3, "nobody reads it any more: it is forgotten")
	})
}

func TestOpeningTwiceAddsUp(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read)
		c.open(priorityQueue, 0, write)
		c.open(priorityQueue, 0, write)
		c.configure(0, sub(1))
		c.produce(0, "a")
		c.close(params(priorityQueue, 0, write), false)
		c.produce(0, "b")
		c.close(params(priorityQueue, 0, write), false)
		c.post(c.message(0, "c"))
		require.Equal(t, []wire.AckStatus{wire.AckUnknown}, c.statuses(), "no writer is left")
		require.Equal(t, []string{"a", "b"}, c.texts())
		c.close(params(priorityQueue, 0, read), true)
	})
}

func TestAFinalCloseEndsAllOpenings(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, write)
		c.open(priorityQueue, 0, write)
		c.close(params(priorityQueue, 0, write), true)
		choice := c.request(ctrl.Choice{CloseQueue: &ctrl.CloseQueue{HandleParameters: params(priorityQueue, 0, write)}})
		require.Equal(t, &ctrl.Status{Category: ctrl.StatusUnknown, Message: "No queue with specified Id"}, choice.Status)
		c.open(priorityQueue+"2", 0, write) // the id is free
	})
}

func TestOneQueueMayHaveTwoIds(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.consume(priorityQueue, 0, 1)
		c.consume(priorityQueue, 1, 2)
		c.open(priorityQueue, 2, write)
		c.produce(2, "a", "b")
		got := c.pushes()
		require.Len(t, got, 2)
		require.EqualValues(t, 0, got[0].QueueID)
		require.EqualValues(t, 1, got[1].QueueID)
	})
}
