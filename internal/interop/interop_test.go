package interop_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bmqtest"
)

const (
	priorityURI  = "bmq://bmq.test.mem.priority/interop"
	fanoutURI    = "bmq://bmq.test.mem.fanout/interop"
	broadcastURI = "bmq://bmq.test.mem.broadcast/interop"
)

func TestMessagesArriveAsTheyWerePosted(t *testing.T) {
	pairs(t, func(t *testing.T, one, other language) {
		b := bmqtest.Start(t)
		p, c := producer(t, one, b, priorityURI), consumer(t, other, b, priorityURI)
		for _, data := range []string{"\xde\xad\x00\x00\xbe\xef", "\x00", "12345678", strings.Repeat("big ", 1<<18)} {
			guid := p.mustPost(priorityURI, data)
			m := c.receive(data)
			require.Equal(t, guid, m.GUID)
			require.Equal(t, priorityURI, m.URI)
			require.Empty(t, m.Properties)
			c.confirm(m)
		}
		c.stop()
		// What was confirmed does not come again.
		p.mustPost(priorityURI, "the next one")
		consumer(t, other, b, priorityURI).receive("the next one")
		p.stop()
	})
}

// allProperties has every type with its extreme values.
var allProperties = []property{
	{"binary", "BINARY", "AP8A"},
	{"binary empty", "BINARY", ""},
	{"bool false", "BOOL", "false"},
	{"bool true", "BOOL", "true"},
	{"char", "CHAR", "255"},
	{"char zero", "CHAR", "0"},
	{"int32 max", "INT32", "2147483647"},
	{"int32 min", "INT32", "-2147483648"},
	{"int64 max", "INT64", "9223372036854775807"},
	{"int64 min", "INT64", "-9223372036854775808"},
	{"short max", "SHORT", "32767"},
	{"short min", "SHORT", "-32768"},
	{"string", "STRING", "grüße, 世界"},
	{"string empty", "STRING", ""},
}

func sorted(properties []property) []property {
	slices.SortFunc(properties, func(a, b property) int { return strings.Compare(a.Name, b.Name) })
	return properties
}

func TestPropertiesKeepTheirTypesAndValues(t *testing.T) {
	pythonCommand(t)
	for _, style := range []struct {
		name string
		opts []bmqtest.Option
	}{
		{"new style", nil},
		{"old style", []bmqtest.Option{bmqtest.WithoutPropertiesEx()}},
	} {
		t.Run(style.name, func(t *testing.T) {
			pairs(t, func(t *testing.T, one, other language) {
				b := bmqtest.Start(t, style.opts...)
				p, c := producer(t, one, b, priorityURI), consumer(t, other, b, priorityURI)
				for range 2 { // the second message may refer to the schema of the first
					p.mustPost(priorityURI, "with properties", allProperties...)
					require.Equal(t, allProperties, sorted(c.receive("with properties").Properties))
				}
				p.mustPost(priorityURI, "with another set", allProperties[12], allProperties[2])
				require.Equal(t, []property{allProperties[2], allProperties[12]}, sorted(c.receive("with another set").Properties))
				p.mustPost(priorityURI, "without properties")
				require.Empty(t, c.receive("without properties").Properties)
			})
		})
	}
}

func TestCompressedMessagesArriveInflated(t *testing.T) {
	pairs(t, func(t *testing.T, one, other language) {
		// Only compressed messages fit: the queue is full with the second one otherwise.
		b := bmqtest.Start(t, bmqtest.WithDomain(bmqtest.Domain{Name: "small", QueueBytes: 4 << 10}))
		uri := "bmq://small/q"
		p := connect(t, one, b, command{Compress: true})
		p.do(command{Do: "open", URI: uri, Write: true})
		c := consumer(t, other, b, uri)
		text := strings.Repeat("compress me well ", 1000)
		for i := range 4 {
			data := fmt.Sprint(i, " ", text)
			p.mustPost(uri, data, allProperties...)
			require.Equal(t, allProperties, sorted(c.receive(data).Properties))
		}
	})
}

func TestEachFanoutApplicationGetsEveryMessage(t *testing.T) {
	each(t, func(t *testing.T, lang language) {
		b := bmqtest.Start(t)
		p := producer(t, lang, b, fanoutURI)
		apps := map[language]*peer{
			golang: consumer(t, golang, b, fanoutURI+"?id=foo"),
			python: consumer(t, python, b, fanoutURI+"?id=bar"),
		}
		for _, data := range []string{"one", "two", "three"} {
			guid := p.mustPost(fanoutURI, data)
			for lang, c := range apps {
				m := c.receive(data)
				require.Equal(t, guid, m.GUID, lang)
				require.Equal(t, fanoutURI+map[language]string{golang: "?id=foo", python: "?id=bar"}[lang], m.URI)
				c.confirm(m)
			}
		}
		// The third application was not there and finds all of them.
		late := consumer(t, lang, b, fanoutURI+"?id=baz")
		for _, data := range []string{"one", "two", "three"} {
			late.receive(data)
		}
	})
}

func TestABroadcastReachesAllConsumers(t *testing.T) {
	each(t, func(t *testing.T, lang language) {
		b := bmqtest.Start(t)
		p := producer(t, lang, b, broadcastURI)
		p.mustPost(broadcastURI, "nobody is there")
		one, other := consumer(t, golang, b, broadcastURI), consumer(t, python, b, broadcastURI)
		p.mustPost(broadcastURI, "hello all")
		one.receive("hello all")
		other.receive("hello all")
	})
}

func TestConsumersOfEqualPriorityTakeTurns(t *testing.T) {
	each(t, func(t *testing.T, lang language) {
		b := bmqtest.Start(t)
		p := producer(t, lang, b, priorityURI)
		consumers := []*peer{consumer(t, golang, b, priorityURI), consumer(t, python, b, priorityURI)}
		const n = 40
		p.flood(priorityURI, 0, n)
		var all []output
		for range n / 2 {
			for _, c := range consumers {
				m := c.next("message")
				c.confirm(m)
				all = append(all, m)
			}
		}
		seen := make(map[string]bool)
		for _, m := range all {
			require.False(t, seen[string(m.Data)], "message %s came to both", m.Data)
			seen[string(m.Data)] = true
		}
		require.Len(t, seen, n)
	})
}

func TestAConsumerOfHigherPriorityTakesOver(t *testing.T) {
	pairs(t, func(t *testing.T, one, other language) {
		b := bmqtest.Start(t)
		p := producer(t, other, b, priorityURI)
		low := consumer(t, one, b, priorityURI)
		p.mustPost(priorityURI, "first")
		low.confirm(low.receive("first"))

		high := connect(t, other, b, command{})
		high.do(command{Do: "open", URI: priorityURI, Read: true, Priority: 5})
		for _, data := range []string{"second", "third"} {
			p.mustPost(priorityURI, data)
			high.confirm(high.receive(data))
		}
		high.do(command{Do: "close", URI: priorityURI})
		p.mustPost(priorityURI, "fourth")
		low.receive("fourth")
	})
}

func TestWhatAKilledConsumerHeldIsDeliveredAgain(t *testing.T) {
	pairs(t, func(t *testing.T, one, other language) {
		b := bmqtest.Start(t)
		p := producer(t, other, b, priorityURI)
		victim := consumer(t, one, b, priorityURI)
		var guids []string
		for _, data := range []string{"confirmed", "held", "held too"} {
			guids = append(guids, p.mustPost(priorityURI, data))
		}
		victim.confirm(victim.receive("confirmed"))
		victim.receive("held")
		victim.receive("held too")
		// The broker has handled the confirmation when it has answered what came after it.
		victim.do(command{Do: "open", URI: broadcastURI, Write: true})
		victim.Kill()

		heir := consumer(t, other, b, priorityURI)
		require.Equal(t, guids[1], heir.receive("held").GUID)
		require.Equal(t, guids[2], heir.receive("held too").GUID)
	})
}

func TestWhatAPausedConsumerDidNotConfirmGoesToTheNext(t *testing.T) {
	pairs(t, func(t *testing.T, one, other language) {
		b := bmqtest.Start(t)
		p := producer(t, other, b, priorityURI)
		first := consumer(t, one, b, priorityURI)
		p.mustPost(priorityURI, "in hand")
		m := first.receive("in hand")
		first.do(command{Do: "pause", URI: priorityURI})
		p.mustPost(priorityURI, "for the next")
		first.confirm(m)
		first.do(command{Do: "close", URI: priorityURI})
		consumer(t, other, b, priorityURI).receive("for the next")
		first.stop()
		require.Empty(t, payloads(first.waiting["message"]), "nothing came after the pause")
	})
}

func TestQueueLimitsAreToldToProducers(t *testing.T) {
	pythonCommand(t)
	for _, tc := range []struct {
		limit  bmqtest.Domain
		status string
	}{
		{bmqtest.Domain{Name: "few", QueueMessages: 3}, "LIMIT_MESSAGES"},
		{bmqtest.Domain{Name: "small", QueueBytes: 3000}, "LIMIT_BYTES"},
	} {
		t.Run(tc.status, func(t *testing.T) {
			each(t, func(t *testing.T, lang language) {
				b := bmqtest.Start(t, bmqtest.WithDomain(tc.limit))
				uri := "bmq://" + tc.limit.Name + "/q"
				p := producer(t, lang, b, uri)
				taken := 0
				ack := p.post(uri, strings.Repeat("x", 1000))
				for ; ack.Status == "SUCCESS"; ack = p.post(uri, strings.Repeat("x", 1000)) {
					taken++
				}
				require.Equal(t, tc.status, ack.Status)
				require.Empty(t, ack.GUID)
				require.InDelta(t, 3, taken, 1)
				// There is room again for each message that was confirmed.
				c := consumer(t, lang, b, uri)
				c.confirm(c.receive(strings.Repeat("x", 1000)))
				c.confirm(c.receive(strings.Repeat("x", 1000)))
				c.do(command{Do: "close", URI: uri}) // answered after the confirmations were handled
				p.mustPost(uri, "fits")
			})
		})
	}
}

func TestQueuesPauseWhileTheHostIsUnhealthy(t *testing.T) {
	pairs(t, func(t *testing.T, one, other language) {
		b := bmqtest.Start(t)
		p := producer(t, other, b, priorityURI)
		c := connect(t, one, b, command{Monitor: true})
		c.do(command{Do: "open", URI: priorityURI, Read: true, Write: true, Suspends: true})
		bad, good := false, true
		for range 2 {
			c.do(command{Do: "health", Healthy: &bad})
			c.event("HostUnhealthy")
			require.Equal(t, priorityURI, c.event("QueueSuspended").URI)
			p.mustPost(priorityURI, "meanwhile")
			raw := []byte("refused")
			require.Contains(t, c.try(command{Do: "post", URI: priorityURI, Data: &raw, Tag: new(int)}), "QUEUE_SUSPENDED")
			require.Empty(t, c.waiting["message"])
			c.do(command{Do: "health", Healthy: &good})
			require.Equal(t, priorityURI, c.event("QueueResumed").URI)
			c.event("HostHealthRestored")
			c.confirm(c.receive("meanwhile"))
		}
	})
}
