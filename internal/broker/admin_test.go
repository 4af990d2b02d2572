package broker_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func (w *world) admin(e wire.Encoding) *peer {
	id := defaultIdentity()
	id.ClientType = ctrl.ClientTCPAdmin
	if e == wire.EncodingJSON {
		id.Features = "PROTOCOL_ENCODING:JSON"
	}
	return w.clientAs(id)
}

func (p *peer) command(text string) string {
	p.t.Helper()
	c := p.request(ctrl.Choice{AdminCommand: &ctrl.AdminCommand{Command: text}})
	require.NotNil(p.t, c.AdminCommandResponse)
	return c.AdminCommandResponse.Text
}

func TestAdministratorsGetAnswersToCommandsOnly(t *testing.T) {
	for _, e := range []wire.Encoding{wire.EncodingBER, wire.EncodingJSON} {
		inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
			a := w.admin(e)
			require.True(t, strings.HasPrefix(a.command("help"), "This process responds to the following CMD subcommands:\n    HELP\n"))
			a.send(ctrl.Choice{OpenQueue: &ctrl.OpenQueue{HandleParameters: params(priorityQueue, 0, write)}})
			a.send(ctrl.Choice{Disconnect: &ctrl.Empty{}})
			a.post(a.message(0, "x"))
			a.write(wire.HeartbeatReq)
			require.Len(t, a.take(wire.EventHeartbeatRsp), 1)
			require.True(t, a.silent())
			require.False(t, a.ended())
			a.command("HELP PLUMBING")
		})
	}
}

func TestClientsMayNotSendCommands(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.send(ctrl.Choice{AdminCommand: &ctrl.AdminCommand{Command: "HELP"}})
		require.True(t, c.silent())
	})
}

func TestCommandsThatCanNotBeDecoded(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		for command, reason := range map[string]string{
			"":                                   "Empty input",
			"no such command":                    `Invalid command. Send "HELP" for list of commands. Invalid command word: no`,
			"HELP me":                            "Invalid HELP subcommand: me",
			"DOMAINS x":                          "The DOMAINS command must be followed by one of the [DOMAIN, RESOLVER, RECONFIGURE] subcommands, but the following was given: x",
			"DOMAINS":                            "The DOMAINS command must be followed by one of the [DOMAIN, RESOLVER, RECONFIGURE] subcommands, but no subcommand was specified.",
			"DOMAINS RECONFIGURE":                "DOMAINS RECONFIGURE command must be followed by a domain name.",
			"DOMAINS RESOLVER CLEAR":             "Invalid DOMAINS RESOLVER subcommand: CLEAR",
			"CONFIGPROVIDER CACHE_CLEAR":         `CONFIGPROVIDER CACHE_CLEAR command must be followed by a domain name or "ALL".`,
			"DOMAINS DOMAIN d":                   "The DOMAINS DOMAIN <name> command must be followed by a subcommand.",
			"DOMAINS DOMAIN d QUEUE q":           "DOMAINS DOMAIN <name> QUEUE <queue_name> command must have a subcommand, such as PURGE, INTERNALS, or LIST.",
			"DOMAINS DOMAIN d QUEUE q PURGE":     `DOMAINS DOMAIN <name> QUEUE <queue_name> PURGE command must be followed by an appId or "*".`,
			"ENCODING":                           "The ENCODING option must be followed by one of the [TEXT, JSON_COMPACT, JSON_PRETTY] settings (default: TEXT), but no setting was specified.",
			"ENCODING XML HELP":                  "The ENCODING option must be followed by one of the [TEXT, JSON_COMPACT, JSON_PRETTY] settings (default: TEXT), but the following was given: XML",
			"ENCODING JSON_PRETTY":               "Command must contain at least one word.",
			"DOMAINS DOMAIN d x":                 "Invalid DOMAIN subcommand: x",
			"DOMAINS DOMAIN d QUEUE q x":         "Invalid DOMAINS DOMAIN <name> QUEUE <queue_name> subcommand: x",
			"DOMAINS DOMAIN d QUEUE q LIST a 10": "Invalid <offset> for DOMAINS DOMAIN <name> QUEUE <queue_name> LIST [<appId>] <offset> <count>: a",
			"DOMAINS DOMAIN d QUEUE q LIST 0 b":  "Invalid <count> for DOMAINS DOMAIN <name> QUEUE <queue_name> LIST [<appId>] <offset> <count>: b",
			"DOMAINS DOMAIN d PURGE now":         "Unexpected trailing words in an otherwise well-formed command: The extra words are: now",
			"STAT HIDE":                          "Unexpected STAT subcommand: HIDE",
			"CLUSTERS CLUSTER x":                 "Invalid CLUSTERS subcommand: CLUSTER",
			"BROKERCONFIG":                       "Unexpected BROKERCONFIG subcommand: ",
		} {
			require.Equal(t, "Unable to decode command (rc: -1, error: '"+reason+"')", w.broker.Admin(command))
		}
	})
}

func TestQueueCommands(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.open(fanoutQueue, 1, write)
		guids := c.produce(0, "12345", "12345", "12345")
		c.produce(1, "abc")
		a := w.admin(wire.EncodingBER)

		require.Equal(t, "Domain 'nope' doesn't exist", a.command("DOMAINS DOMAIN nope PURGE"))
		require.Equal(t, "Queue 'nosuch' was not found on domain 'bmq.test.mem.priority'",
			a.command("DOMAINS DOMAIN bmq.test.mem.priority QUEUE nosuch INTERNALS"))

		at := regexp.MustCompile(`\d\d[A-Z]{3}\d{4}_\d\d:\d\d:\d\d\.\d{6}\+0000`)
		list := at.ReplaceAllString(a.command("domains domain bmq.test.mem.priority queue q list 0 10"), "TIME")
		require.Equal(t, "Printing 3 message(s) [0-2 / 3] (total: 15  B)\n"+
			"       GUID                              Size        Timestamp (UTC)\n"+
			"    0: "+guids[0].String()+"        5  B  TIME\n"+
			"    1: "+guids[1].String()+"        5  B  TIME\n"+
			"    2: "+guids[2].String()+"        5  B  TIME\n", list)
		for command, want := range map[string]string{
			"LIST 1 1": "[1-1 / 3]", "LIST -1 UNLIMITED": "[2-2 / 3]", "LIST 3 -2": "[1-2 / 3]", "LIST 9 9": "Printing 0 message(s)",
			"LIST __default 0 2": "[0-1 / 3]",
		} {
			require.Contains(t, a.command("DOMAINS DOMAIN bmq.test.mem.priority QUEUE q "+command), want, command)
		}

		require.Contains(t, a.command("STAT SHOW"), priorityQueue)
		require.Contains(t, a.command("BROKERCONFIG DUMP"), `"networkInterfaces": {`)
		require.Contains(t, a.command("CLUSTERS LIST"), "    [LOCAL ] local:\n")
		require.Contains(t, a.command("DOMAINS RECONFIGURE bmq.test.mem.priority"), "not configured from a directory")

		require.Equal(t, "Purged 3 message(s) for a total of 15  B from 1 queue(s):\n"+
			"    NumBytes     NumMsgs      AppKey             AppId  QueueName\n"+
			"       15  B           3  0000000000                    "+priorityQueue,
			a.command("DOMAINS DOMAIN bmq.test.mem.priority QUEUE q PURGE *"))
		require.Contains(t, a.command("DOMAINS DOMAIN bmq.test.mem.fanout QUEUE q PURGE nosuch"),
			"Specified appId 'nosuch' not found in the storage of queue '"+fanoutQueue+"'.")
		require.Equal(t, "Queue was not found in a storage 'bmq://bmq.test.mem.fanout/nosuch'",
			a.command("DOMAINS DOMAIN bmq.test.mem.fanout QUEUE nosuch PURGE *"))
		require.Equal(t, "No queue purged.", a.command("DOMAINS DOMAIN bmq.test.mem.broadcast PURGE"))
		require.Equal(t, "SUCCESS", a.command("DOMAINS RESOLVER CACHE_CLEAR ALL"))
		require.Regexp(t, "(?s)^Purged 1 message.*foo  bmq", a.command("DOMAINS DOMAIN bmq.test.mem.fanout QUEUE q PURGE foo"))
		q, _ := w.broker.Queue(fanoutQueue)
		require.EqualValues(t, 1, q.Messages, "bar and baz have it still")
		require.Contains(t, a.command("DOMAINS DOMAIN bmq.test.mem.fanout PURGE"), "Purged 1 message(s) for a total of 3  B from 1 queue(s)")
		for _, q := range w.broker.Queues() {
			require.Zero(t, q.Messages)
		}
	})
}

func TestPurgedMessagesStayInTheWindowOfTheirConsumer(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.configure(0, withWindow(sub(1), 1, 1<<20))
		guids := c.produce(0, "a", "b")
		require.Len(t, c.pushes(), 1)
		w.broker.Admin("DOMAINS DOMAIN bmq.test.mem.priority QUEUE q PURGE *")
		c.produce(0, "c")
		require.Empty(t, c.pushes())
		c.confirm(0, 0, guids[0])
		require.Equal(t, []string{"c"}, c.texts())
	})
}

func TestADomainCanBeReadAgain(t *testing.T) {
	dir := writeDir(t, map[string]string{
		"domains/d.json": domainJSON(`{"priority":{}}`, ``), "domains/r.json": `{"redirect":"d"}`,
	})
	d, err := broker.ReadDirectory(dir)
	require.NoError(t, err)
	inWorld(t, d.Config, func(t *testing.T, w *world) {
		file := filepath.Join(dir, "domains", "d.json")
		require.NoError(t, os.WriteFile(file, []byte(domainJSON(`{"priority":{}}`, `,"maxQueues":7`)), 0o600))
		require.Equal(t, "SUCCESS", w.broker.Admin("DOMAINS RECONFIGURE d"))
		c, _ := w.broker.Config("d")
		require.Equal(t, 7, c.MaxQueues)
		require.NoError(t, os.WriteFile(file, []byte(`{}`), 0o600))
		require.Contains(t, w.broker.Admin("DOMAINS RECONFIGURE d"), "it has to have exactly one member")
		require.Contains(t, w.broker.Admin("DOMAINS RECONFIGURE r"), "is a redirection")
		require.Contains(t, w.broker.Admin("DOMAINS RECONFIGURE nope"), "no such file")
	})
}
