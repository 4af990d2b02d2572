package broker_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
)

// FuzzCommand runs whatever an administrator may send.
func FuzzCommand(f *testing.F) {
	for _, command := range []string{
		"", "HELP", "HELP PLUMBING", "STAT SHOW", "CLUSTERS LIST", "BROKERCONFIG DUMP", "DOMAINS RECONFIGURE bmq.test.mem.priority",
		"DOMAINS DOMAIN bmq.test.mem.priority INFOS", "DOMAINS DOMAIN bmq.test.mem.priority PURGE",
		"DOMAINS DOMAIN bmq.test.mem.priority QUEUE q INTERNALS", "DOMAINS DOMAIN bmq.test.mem.priority QUEUE q PURGE *",
		"DOMAINS DOMAIN bmq.test.mem.priority QUEUE q LIST 1 2147483647",
		"DOMAINS DOMAIN bmq.test.mem.priority QUEUE q LIST __default 1 -2147483648",
		"DOMAINS DOMAIN bmq.test.mem.priority QUEUE q LIST -2147483648 UNLIMITED",
		"CLUSTERS CLUSTER local STATUS", "CLUSTERS CLUSTER local STORAGE SUMMARY", "CLUSTERS CLUSTER local FORCE_GC_QUEUES",
		"CLUSTERS CLUSTER local STORAGE DOMAIN bmq.test.mem.priority QUEUE_STATUS", "DOMAINS REMOVE bmq.test.mem.priority",
		"DOMAINS REMOVE bmq.test.mem.priority FINALIZE", "STAT LIST_TUNABLES", "CLUSTERS CLUSTER local STATE ELECTOR SET quorum 1",
	} {
		f.Add(command)
	}
	for command := range jsonCommands {
		f.Add(command)
	}
	f.Fuzz(func(t *testing.T, command string) {
		inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
			c := w.client()
			c.open(priorityQueue, 0, write)
			c.produce(0, "a", "b", "c")
			text := w.broker.Admin(command)
			if strings.HasPrefix(command, "{") {
				return
			}
			answer := w.broker.Admin("ENCODING JSON_COMPACT " + command)
			const undecodable = "Unable to decode command"
			if strings.HasPrefix(answer, undecodable) {
				return // ENCODING may come once
			}
			require.False(t, strings.HasPrefix(text, undecodable), command)
			require.True(t, json.Valid([]byte(answer)), answer)
		})
	})
}

func TestListingsOfEveryLength(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, write)
		c.produce(0, "a", "b", "c")
		for command, want := range map[string]string{
			"0 10": "Printing 3 message(s) [0-2 / 3]", "1 1": "Printing 1 message(s) [1-1 / 3]", "1 2147483647": "Printing 2 message(s) [1-2 / 3]",
			"2 -2147483648": "Printing 3 message(s) [0-2 / 3]", "3 -1": "Printing 1 message(s) [2-2 / 3]",
			"-2147483648 1": "Printing 1 message(s) [0-0 / 3]", "-1 UNLIMITED": "Printing 1 message(s) [2-2 / 3]", "9 9": "Printing 0 message(s)", "1 0": "Printing 2 message(s) [1-2 / 3]",
			"1 2147483648": "Invalid <count>",
		} {
			require.Contains(t, w.broker.Admin("DOMAINS DOMAIN bmq.test.mem.priority QUEUE q LIST "+command), want, command)
		}
	})
}

// FuzzDomain reads domains in the official schema; what is accepted is the same after
// it was printed.
func FuzzDomain(f *testing.F) {
	for _, d := range broker.BuiltinDomains() {
		f.Add(broker.DomainJSON(&d))
	}
	f.Add(broker.DomainJSON(&broker.Domain{Name: "d", Subscriptions: map[string]string{"": "x > 1"}, DeduplicationTime: -1}))
	f.Add(`{"mode":{"fanout":{"appIDs":[1]}},"storage":null}`)
	f.Add(`{"messageTtl":1e99}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := broker.ParseDomain("d", []byte(text))
		if err != nil {
			return
		}
		again, err := broker.ParseDomain("d", []byte(broker.DomainJSON(&d)))
		require.NoError(t, err)
		require.Equal(t, d, again)
		b, err := broker.New(broker.Config{Domains: []broker.Domain{d}})
		require.NoError(t, err)
		require.Contains(t, b.Admin("DOMAINS DOMAIN d INFOS"), "Name ............: d\n")
	})
}
