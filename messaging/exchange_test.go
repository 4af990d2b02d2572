package messaging_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/messaging"
)

func exchange(t require.TestingT, kind messaging.Kind, bindings ...messaging.Binding) *messaging.Exchange {
	e, err := messaging.NewExchange("e", kind, bindings...)
	require.NoError(t, err)
	return e
}

func TestExchangesRouteAsInAMQP(t *testing.T) {
	header := messaging.Header{"a": 1, "b": "x", "c": true}
	for _, c := range []struct {
		kind    messaging.Kind
		binding messaging.Binding
		key     string
		routed  bool
	}{
		{messaging.Direct, messaging.Binding{Key: "a.b"}, "a.b", true},
		{messaging.Direct, messaging.Binding{Key: "a.b"}, "a.c", false},
		{messaging.Direct, messaging.Binding{}, "", true},
		{messaging.Direct, messaging.Binding{Key: "#"}, "a", false},
		{messaging.Fanout, messaging.Binding{Key: "ignored"}, "a", true},
		{messaging.Topic, messaging.Binding{Key: "#"}, "", true},
		{messaging.Topic, messaging.Binding{Key: "#"}, "a.b.c", true},
		{messaging.Topic, messaging.Binding{Key: "*"}, "a", true},
		{messaging.Topic, messaging.Binding{Key: "*"}, "", false},
		{messaging.Topic, messaging.Binding{Key: "*"}, "a.b", false},
		{messaging.Topic, messaging.Binding{Key: "a.*.c"}, "a.b.c", true},
		{messaging.Topic, messaging.Binding{Key: "a.*.c"}, "a..c", true},
		{messaging.Topic, messaging.Binding{Key: "a.*"}, "ab.c", false},
		{messaging.Topic, messaging.Binding{Key: "a.#"}, "a", true},
		{messaging.Topic, messaging.Binding{Key: "a.#.z"}, "a.z", true},
		{messaging.Topic, messaging.Binding{Key: "a.#.z"}, "a.b.c.z", true},
		{messaging.Topic, messaging.Binding{Key: "a.#.z"}, "a.b.c", false},
		{messaging.Topic, messaging.Binding{Key: "#.b.#"}, "a.b", true},
		{messaging.Topic, messaging.Binding{Key: "#.#"}, "a", true},
		{messaging.Topic, messaging.Binding{Key: "*.#.*"}, "a", false},
		{messaging.Headers, messaging.Binding{Match: messaging.Header{"a": int64(1), "b": "x"}}, "", true},
		{messaging.Headers, messaging.Binding{Match: messaging.Header{"a": 1, "b": "y"}}, "", false},
		{messaging.Headers, messaging.Binding{Match: messaging.Header{"a": 1, "b": "y"}, MatchAny: true}, "", true},
		{messaging.Headers, messaging.Binding{Match: messaging.Header{"a": 2, "b": "y"}, MatchAny: true}, "", false},
		{messaging.Headers, messaging.Binding{Match: messaging.Header{"c": nil}}, "", true},
		{messaging.Headers, messaging.Binding{Match: messaging.Header{"d": nil}}, "", false},
		{messaging.Headers, messaging.Binding{}, "", true},
		{messaging.Headers, messaging.Binding{MatchAny: true}, "", false},
	} {
		c.binding.Queue = orders
		routed := exchange(t, c.kind, c.binding).Route(c.key, header)
		require.Equal(t, c.routed, len(routed) == 1, "%s %+v for %q", c.kind, c.binding, c.key)
	}
}

func TestExchangesFollowOtherExchanges(t *testing.T) {
	a, b := exchange(t, messaging.Fanout), exchange(t, messaging.Topic)
	a.Bind(messaging.Binding{Exchange: b})
	a.Bind(messaging.Binding{Queue: orders})
	a.Bind(messaging.Binding{Queue: orders})
	b.Bind(messaging.Binding{Queue: orders, Key: "#"})
	b.Bind(messaging.Binding{Queue: other, Key: "x"})
	b.Bind(messaging.Binding{Exchange: a, Key: "#"}) // a circle
	require.Len(t, a.Bindings(), 2, "a binding that is there is not added")
	require.Equal(t, []string{orders, other}, a.Route("x", nil), "each queue once")
	a.Unbind(messaging.Binding{Exchange: b})
	require.Equal(t, []string{orders}, a.Route("x", nil))
	c := exchange(t, messaging.Fanout) // of the same name as d, and empty as yet
	d := exchange(t, messaging.Fanout)
	both := exchange(t, messaging.Fanout, messaging.Binding{Exchange: c}, messaging.Binding{Exchange: d})
	c.Bind(messaging.Binding{Queue: orders})
	d.Bind(messaging.Binding{Queue: other})
	require.Equal(t, []string{orders, other}, both.Route("", nil), "exchanges are what they are, whatever they have")
	_, err := messaging.NewExchange("e", "magic")
	require.Error(t, err)
}

// matches is the plain definition of a topic's pattern.
func matches(pattern, key []string) bool {
	switch {
	case len(pattern) == 0:
		return len(key) == 0
	case pattern[0] == "#":
		return matches(pattern[1:], key) || len(key) > 0 && matches(pattern, key[1:])
	}
	return len(key) > 0 && (pattern[0] == "*" || pattern[0] == key[0]) && matches(pattern[1:], key[1:])
}

func TestTopicsMatchAsDefined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "*", "#"}), 1, 6).Draw(t, "pattern")
		key := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 6).Draw(t, "key")
		e := exchange(t, messaging.Topic, messaging.Binding{Queue: orders, Key: strings.Join(pattern, ".")})
		require.Equal(t, matches(pattern, key), len(e.Route(strings.Join(key, "."), nil)) == 1)
	})
}

func TestAPatternCanNotBeMadeToTakeForever(t *testing.T) {
	pattern, key := strings.Repeat("#.a.", 500)+"b", strings.Repeat("a.", 2000)+"a"
	began := time.Now()
	require.Empty(t, exchange(t, messaging.Topic, messaging.Binding{Queue: orders, Key: pattern}).Route(key, nil))
	require.Less(t, time.Since(began), 10*time.Second)
}

func TestAMessageGoesToAllQueuesOfItsExchange(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		e := exchange(t, messaging.Topic, messaging.Binding{Queue: orders, Key: "order.#"}, messaging.Binding{Queue: other, Key: "#.new"})
		c := w.client()
		p := w.producer(c, messaging.ProducerConfig{Exchange: e, Key: "order.new"})
		q, there := w.Queue(other)
		require.True(t, there && q.Producers == 1, "the exchange's queues are open")
		r, err := p.Publish(t.Context(), "both")
		require.NoError(t, err)
		require.Equal(t, orders, r.Queue)
		require.Len(t, r.Copies, 1)
		require.Equal(t, other, r.Copies[0].Queue)
		require.NoError(t, wait(p.PublishAsync(t.Context(), &messaging.Message{Body: "one", Key: "order.old"})))
		_, err = p.PublishAsync(t.Context(), &messaging.Message{Body: "both again"}).Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"both", "one", "both again"}, w.bodies(orders))
		require.Equal(t, []string{"both", "both again"}, w.bodies(other))
		d := w.fetch(w.reads(c, other))
		require.Equal(t, "e", d.Exchange())
		require.Equal(t, "order.new", d.Key())

		returned := 0
		p = w.producer(c, messaging.ProducerConfig{Exchange: e, OnReturn: func(r messaging.Return) {
			require.ErrorIs(t, r.Err, messaging.ErrUnroutable)
			require.Equal(t, "nobody", r.Message.Key)
			returned++
		}})
		_, err = p.Publish(t.Context(), &messaging.Message{Body: "x", Key: "nobody"})
		require.ErrorIs(t, err, messaging.ErrUnroutable)
		require.ErrorIs(t, err, messaging.ErrNotStored)
		require.Equal(t, 1, returned)
	})
}

func TestOneQueueOfManyMayFail(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		e := exchange(t, messaging.Fanout, messaging.Binding{Queue: "bmq://no.such.domain/q"}, messaging.Binding{Queue: other})
		p := w.producer(w.client(), messaging.ProducerConfig{Exchange: e, Lazy: true})
		r, err := p.Publish(t.Context(), "x")
		require.ErrorIs(t, err, messaging.ErrNotStored)
		require.Equal(t, other, r.Queue, "the receipt is about those that have it")
	})
}

const topologyFile = `{
	"queues": {
		"orders": {"uri": "bmq://bmq.test.mem.priority/orders", "qos": {"messages": 10}, "priority": 2, "dead_letter": "dead",
			"subscriptions": [{"expression": "x > 1", "priority": 3, "qos": {"messages": 4, "bytes": 5}}], "write": true},
		"dead": {"uri": "bmq://bmq.test.mem.priority/dead"},
		"shouts": {"uri": "bmq://bmq.test.mem.broadcast/shouts", "broadcast": true}
	},
	"exchanges": {
		"events": {"kind": "topic", "bindings": [{"queue": "orders", "key": "order.#"}, {"exchange": "rest", "key": "#"}]},
		"rest": {"kind": "headers", "bindings": [{"queue": "shouts", "match": {"loud": true, "n": 3}, "match_any": true}]}
	}
}`

func TestATopologyIsReadFromAFile(t *testing.T) {
	topology, err := messaging.LoadTopology(strings.NewReader(topologyFile))
	require.NoError(t, err)
	require.Equal(t, messaging.Queue{
		URI: orders, QoS: messaging.QoS{Messages: 10}, Priority: 2, DeadLetter: "dead", Write: true,
		Subscriptions: []bmq.Subscription{{
			Expression: "x > 1", ConsumerPriority: bmq.Some(3), MaxUnconfirmedMessages: bmq.Some(4), MaxUnconfirmedBytes: bmq.Some(5),
		}},
	}, topology.Queues["orders"])
	events, err := topology.Exchange("events")
	require.NoError(t, err)
	require.Equal(t, []string{"orders", "shouts"}, events.Route("order.new", messaging.Header{"n": 3}))
	require.Empty(t, events.Route("x", messaging.Header{"n": 4}))
	_, err = topology.Exchange("what")
	require.Error(t, err)

	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(func(cfg *messaging.Config) { cfg.Topology = topology })
		e, err := c.Exchange("events")
		require.NoError(t, err)
		p := w.producer(c, messaging.ProducerConfig{Exchange: e, Key: "order.new"})
		k := w.consumer(c, topology.Consumer("orders"))
		require.Len(t, topology.Consumer().Queues, 3)
		_, err = p.Publish(t.Context(), &messaging.Message{Body: "x", Header: messaging.Header{"x": 2}})
		require.NoError(t, err)
		d := w.fetch(k)
		require.True(t, k.ConsumingFrom("orders"), "by its name")
		require.NoError(t, d.Reject(t.Context(), nil))
		require.Equal(t, []string{"x"}, w.bodies(dead))
	})
}

func TestTopologiesAreChecked(t *testing.T) {
	for file, says := range map[string]string{
		`{`:                               "topology",
		`{} {}`:                           "something follows",
		`{"queue": {}}`:                   "unknown field",
		`{"queues": {"q": {"uri": "x"}}}`: `queue "q"`,
		`{"queues": {"q": {"uri": "bmq://d/q", "qos": {"messages": -1}}}}`:                                     "QoS",
		`{"queues": {"q": {"uri": "bmq://d/q?id=a", "write": true}}}`:                                          "only reads",
		`{"queues": {"q": {"uri": "bmq://d/q", "dead_letter": "?"}}}`:                                          `"?" is no queue of the topology`,
		`{"queues": {"q": {"uri": "bmq://d/q", "subscriptions": [{"expression": "x >"}]}}}`:                    "expression",
		`{"exchanges": {"e": {"kind": "magic"}}}`:                                                              "magic",
		`{"exchanges": {"e": {"kind": "topic", "bindings": [{}]}}}`:                                            "binding 0",
		`{"exchanges": {"e": {"kind": "topic", "bindings": [{"queue": "nowhere"}]}}}`:                          "nowhere",
		`{"exchanges": {"e": {"kind": "topic", "bindings": [{"exchange": "nowhere"}]}}}`:                       "nowhere",
		`{"exchanges": {"e": {"kind": "headers", "bindings": [{"queue": "bmq://d/q", "match": {"a": 1.5}}]}}}`: "binding 0",
	} {
		_, err := messaging.LoadTopology(strings.NewReader(file))
		require.ErrorContains(t, err, says, file)
	}
	for _, field := range []string{"durable", "exclusive", "auto_delete", "arguments", "message_ttl", "max_length", "expires", "max_priority"} {
		_, err := messaging.LoadTopology(strings.NewReader(`{"queues": {"q": {"uri": "bmq://d/q", "` + field + `": 1}}}`))
		require.ErrorIs(t, err, errors.ErrUnsupported, field)
		require.ErrorContains(t, err, field)
	}
}

func TestTopicSubscriptionsAreWhatBrokersCanDo(t *testing.T) {
	s, err := messaging.TopicSubscription("order.new")
	require.NoError(t, err)
	require.Equal(t, `routing_key == "order.new"`, s.Expression)
	s, err = messaging.TopicSubscription("#")
	require.NoError(t, err)
	require.Empty(t, s.Expression)
	for _, pattern := range []string{"order.*", "order.#", `a"b`} {
		_, err = messaging.TopicSubscription(pattern)
		require.ErrorIs(t, err, errors.ErrUnsupported)
	}
	inWorld(t, func(t *testing.T, w *world) {
		s, err := messaging.TopicSubscription("order.new")
		require.NoError(t, err)
		k := w.consumer(w.client(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: orders, Subscriptions: []bmq.Subscription{s}}}})
		w.publishes(orders, &messaging.Message{Body: "old", Key: "order.old"}, &messaging.Message{Body: "new", Key: "order.new"})
		require.Equal(t, "new", string(w.fetch(k).Data()))
		w.nothing(k)
	})
}

func FuzzLoadTopology(f *testing.F) {
	f.Add(topologyFile)
	f.Fuzz(func(_ *testing.T, file string) {
		topology, err := messaging.LoadTopology(strings.NewReader(file))
		if err == nil {
			for _, e := range topology.Exchanges {
				e.Route("a.b", messaging.Header{"a": 1})
			}
		}
	})
}
