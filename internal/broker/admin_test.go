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
			"":                                        "Empty input",
			"no such command":                         `Invalid command. Send "HELP" for list of commands. Invalid command word: no`,
			"HELP me":                                 "Invalid HELP subcommand: me",
			"DOMAINS x":                               "The DOMAINS command must be followed by one of the [DOMAIN, RESOLVER, RECONFIGURE] subcommands, but the following was given: x",
			"DOMAINS":                                 "The DOMAINS command must be followed by one of the [DOMAIN, RESOLVER, RECONFIGURE] subcommands, but no subcommand was specified.",
			"DOMAINS RECONFIGURE":                     "DOMAINS RECONFIGURE command must be followed by a domain name.",
			"DOMAINS RESOLVER CLEAR":                  "Invalid DOMAINS RESOLVER subcommand: CLEAR",
			"CONFIGPROVIDER CACHE_CLEAR":              `CONFIGPROVIDER CACHE_CLEAR command must be followed by a domain name or "ALL".`,
			"DOMAINS DOMAIN d":                        "The DOMAINS DOMAIN <name> command must be followed by a subcommand.",
			"DOMAINS DOMAIN d QUEUE q":                "DOMAINS DOMAIN <name> QUEUE <queue_name> command must have a subcommand, such as PURGE, INTERNALS, or LIST.",
			"DOMAINS DOMAIN d QUEUE q PURGE":          `DOMAINS DOMAIN <name> QUEUE <queue_name> PURGE command must be followed by an appId or "*".`,
			"ENCODING":                                "The ENCODING option must be followed by one of the [TEXT, JSON_COMPACT, JSON_PRETTY] settings (default: TEXT), but no setting was specified.",
			"ENCODING XML HELP":                       "The ENCODING option must be followed by one of the [TEXT, JSON_COMPACT, JSON_PRETTY] settings (default: TEXT), but the following was given: XML",
			"ENCODING JSON_PRETTY":                    "Command must contain at least one word.",
			"DOMAINS DOMAIN d x":                      "Invalid DOMAIN subcommand: x",
			"DOMAINS DOMAIN d QUEUE q x":              "Invalid DOMAINS DOMAIN <name> QUEUE <queue_name> subcommand: x",
			"DOMAINS DOMAIN d QUEUE q LIST a 10":      "Invalid <offset> for DOMAINS DOMAIN <name> QUEUE <queue_name> LIST [<appId>] <offset> <count>: a",
			"DOMAINS DOMAIN d QUEUE q LIST 0 b":       "Invalid <count> for DOMAINS DOMAIN <name> QUEUE <queue_name> LIST [<appId>] <offset> <count>: b",
			"DOMAINS DOMAIN d PURGE now":              "Unexpected trailing words in an otherwise well-formed command: The extra words are: now",
			"STAT HIDE":                               "Unexpected STAT subcommand: HIDE",
			"STAT":                                    "STAT command must be followed by a subcommand.",
			"BROKERCONFIG":                            "BROKERCONFIG command must be followed by a subcommand.",
			"BROKERCONFIG LOAD":                       "Unexpected BROKERCONFIG subcommand: LOAD",
			"CONFIGPROVIDER":                          "CONFIGPROVIDER command must be followed by a subcommand.",
			"DOMAINS RESOLVER":                        "DOMAINS RESOLVER command must be followed by a subcommand.",
			"DOMAINS DOMAIN":                          "The DOMAINS DOMAIN command must be followed by a domain name.",
			"DOMAINS DOMAIN d QUEUE":                  "DOMAINS DOMAIN <name> QUEUE command must specify a queue name.",
			"DOMAINS REMOVE":                          "DOMAINS REMOVE command must be followed by a domain name.",
			"DOMAINS REMOVE d now":                    "Invalid optional key word 'now' for DOMAINS REMOVE <domain> [FINALIZE]",
			"DOMAINS REMOVE d FINALIZE now":           "Unexpected trailing words in an otherwise well-formed command: The extra words are: now",
			"CLUSTERS":                                "CLUSTERS command must be followed by a subcommand.",
			"CLUSTERS x":                              "Invalid CLUSTERS subcommand: x",
			"CLUSTERS CLUSTER":                        "CLUSTERS CLUSTER command must be followed by a cluster name.",
			"CLUSTERS CLUSTER local":                  "CLUSTERS CLUSTER <name> must be followed by a subcommand.",
			"CLUSTERS CLUSTER local x":                "Invalid subcommand after CLUSTERS CLUSTER <name>: x",
			"CLUSTERS CLUSTER local STATUS x":         "Unexpected trailing words in an otherwise well-formed command: The extra words are: x",
			"CLUSTERS CLUSTER local STORAGE":          "The command CLUSTERS CLUSTER <name> STORAGE must be followed by a subcommand.",
			"CLUSTERS CLUSTER local STORAGE x":        "Invalid subcommand after CLUSTERS CLUSTER <name> STORAGE: x",
			"CLUSTERS CLUSTER local STORAGE DOMAIN":   "The command CLUSTERS CLUSTER <name> STORAGE DOMAIN must be followed by a domain name.",
			"CLUSTERS CLUSTER local STORAGE DOMAIN d": "The command CLUSTERS CLUSTER <name> STORAGE DOMAIN <domain_name> must be followed by a subcommand.",
			" ":                                      "Command must contain at least one word.",
			"STAT SET":                               "The command STAT SET must be followed by a parameter name.",
			"STAT SET x":                             "The command STAT SET <parameter> must be followed by a new value for the parameter.",
			"STAT GET":                               "The command STAT GET must be followed by a parameter name.",
			"STAT GET_ALL x":                         "Unexpected STAT subcommand: GET_ALL",
			"STAT LIST_TUNABLES x":                   "Unexpected trailing words in an otherwise well-formed command: The extra words are: x",
			"CLUSTERS CLUSTER local QUEUEHELPER x":   "Unexpected trailing words in an otherwise well-formed command: The extra words are: x",
			"CLUSTERS CLUSTER local STATE":           "The command CLUSTERS CLUSTER <name> STATE must be followed by a subcommand.",
			"CLUSTERS CLUSTER local STATE x":         "Invalid subcommand after CLUSTERS CLUSTER <name> STATE: x",
			"CLUSTERS CLUSTER local STATE ELECTOR":   "The command CLUSTERS CLUSTER <name> STATE ELECTOR must be followed by a subcommand.",
			"CLUSTERS CLUSTER local STATE ELECTOR x": "Invalid subcommand after CLUSTERS CLUSTER <name> STATE ELECTOR: x",
			"CLUSTERS CLUSTER local STATE ELECTOR SET_ALL x":    "The command CLUSTERS CLUSTER <name> STATE ELECTOR [SET|SET_ALL] <parameter> must be followed by a new value for the parameter.",
			"CLUSTERS CLUSTER local STORAGE REPLICATION":        "The command CLUSTERS CLUSTER <name> STORAGE REPLICATION must be followed by a subcommand.",
			"CLUSTERS CLUSTER local STORAGE REPLICATION GET":    "The command CLUSTERS CLUSTER <name> STORAGE REPLICATION GET must be followed by a parameter name.",
			"CLUSTERS CLUSTER local STORAGE PARTITION":          "The command CLUSTERS CLUSTER <name> STORAGE PARTITION must be followed by a <partitionId>.",
			"CLUSTERS CLUSTER local STORAGE PARTITION x ENABLE": "Invalid <partitionId> in command CLUSTERS CLUSTER <name> STORAGE PARTITION <partitionId>: x",
			"CLUSTERS CLUSTER local STORAGE PARTITION 0":        "The command CLUSTERS CLUSTER <name> STORAGE PARTITION <partitionId> must be followed by a subcommand.",
			"CLUSTERS CLUSTER local STORAGE PARTITION 0 x":      "Invalid subcommand after CLUSTERS CLUSTER <name> STORAGE PARTITION <partitionId>: x",
			"CLUSTERS CLUSTER local STORAGE DOMAIN d x":         "Invalid subcommand after CLUSTERS CLUSTER <name> STORAGE DOMAIN <domain_name>: x",
		} {
			require.Equal(t, "Unable to decode command (rc: -1, error: '"+reason+"')", w.broker.Admin(command))
		}
		for _, command := range []string{`{`, `{}`, `{"stat":1}`, `{"help":{},"encoding":"XML"}`, `{"domains":{}}`, `{"domains":{"domain":{"name":"d"}}}`} {
			require.Contains(t, w.broker.Admin(command), "Unable to decode command (rc: -1, error: '", command)
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

// jsonCommands are commands in JSON, and what they are in words.
var jsonCommands = map[string]string{
	`{"help":{}}`: "HELP",
	`{"help":{"plumbing":true},"encoding":"JSON_COMPACT"}`:                                                                    "ENCODING JSON_COMPACT HELP PLUMBING",
	`{"encoding":"JSON_PRETTY","stat":{"show":{}}}`:                                                                           "ENCODING JSON_PRETTY STAT SHOW",
	`{"stat":{"listTunables":{}}}`:                                                                                            "STAT LIST_TUNABLES",
	`{"brokerConfig":{"dump":{}}}`:                                                                                            "BROKERCONFIG DUMP",
	`{"clusters":{"list":{}}}`:                                                                                                "CLUSTERS LIST",
	`{"clusters":{"cluster":{"name":"local","command":{"status":{}}}}}`:                                                       "CLUSTERS CLUSTER local STATUS",
	`{"clusters":{"cluster":{"name":"local","command":{"queueHelper":{}}}}}`:                                                  "CLUSTERS CLUSTER local QUEUEHELPER",
	`{"clusters":{"cluster":{"name":"local","command":{"forceGcQueues":{}}}}}`:                                                "CLUSTERS CLUSTER local FORCE_GC_QUEUES",
	`{"clusters":{"cluster":{"name":"local","command":{"storage":{"summary":{}}}}}}`:                                          "CLUSTERS CLUSTER local STORAGE SUMMARY",
	`{"clusters":{"cluster":{"name":"local","command":{"storage":{"partition":{"partitionId":0,"command":{"enable":{}}}}}}}}`: "CLUSTERS CLUSTER local STORAGE PARTITION 0 ENABLE",
	`{"clusters":{"cluster":{"name":"local","command":{"storage":{"domain":{"name":"bmq.test.mem.fanout","command":{"queueStatus":{}}}}}}}}`: "CLUSTERS CLUSTER local STORAGE DOMAIN bmq.test.mem.fanout QUEUE_STATUS",
	`{"clusters":{"cluster":{"name":"local","command":{"storage":{"partition":{"partitionId":0,"command":{"disable":{}}}}}}}}`:               "CLUSTERS CLUSTER local STORAGE PARTITION 0 DISABLE",
	`{"clusters":{"cluster":{"name":"local","command":{"storage":{"partition":{"partitionId":0,"command":{"summary":{}}}}}}}}`:               "CLUSTERS CLUSTER local STORAGE PARTITION 0 SUMMARY",
	`{"clusters":{"cluster":{"name":"local","command":{"storage":{"partition":{"partitionId":-1,"command":{"rollover":{}}}}}}}}`:             "CLUSTERS CLUSTER local STORAGE PARTITION ALL ROLLOVER",
	`{"clusters":{"cluster":{"name":"local","command":{"storage":{"replication":{"listTunables":{}}}}}}}`:                                    "CLUSTERS CLUSTER local STORAGE REPLICATION LIST_TUNABLES",
	`{"clusters":{"cluster":{"name":"local","command":{"state":{"elector":{"listTunables":{}}}}}}}`:                                          "CLUSTERS CLUSTER local STATE ELECTOR LIST_TUNABLES",
	`{"configProvider":{"clearCache":{"all":{}}}}`:                                                                                                       "CONFIGPROVIDER CACHE_CLEAR ALL",
	`{"domains":{"resolver":{"clearCache":{"domain":"nope"}}}}`:                                                                                          "DOMAINS RESOLVER CACHE_CLEAR nope",
	`{"domains":{"reconfigure":{"domain":"bmq.test.mem.fanout"}}}`:                                                                                       "DOMAINS RECONFIGURE bmq.test.mem.fanout",
	`{"domains":{"remove":{"domain":"bmq.test.mem.fanout"}}}`:                                                                                            "DOMAINS REMOVE bmq.test.mem.fanout",
	`{"domains":{"remove":{"domain":"nope","finalize":true}}}`:                                                                                           "DOMAINS REMOVE nope FINALIZE",
	`{"domains":{"domain":{"name":"bmq.test.mem.fanout","command":{"info":{}}}}}`:                                                                        "DOMAINS DOMAIN bmq.test.mem.fanout INFOS",
	`{"domains":{"domain":{"name":"bmq.test.mem.fanout","command":{"purge":{}}}}}`:                                                                       "DOMAINS DOMAIN bmq.test.mem.fanout PURGE",
	`{"domains":{"domain":{"name":"bmq.test.mem.fanout","command":{"queue":{"name":"q","command":{"internals":{}}}}}}}`:                                  "DOMAINS DOMAIN bmq.test.mem.fanout QUEUE q INTERNALS",
	`{"domains":{"domain":{"name":"bmq.test.mem.fanout","command":{"queue":{"name":"q","command":{"purgeAppId":"x"}}}}}}`:                                "DOMAINS DOMAIN bmq.test.mem.fanout QUEUE q PURGE x",
	`{"domains":{"domain":{"name":"bmq.test.mem.fanout","command":{"queue":{"name":"q","command":{"messages":{"offset":1,"count":0}}}}}}}`:               "DOMAINS DOMAIN bmq.test.mem.fanout QUEUE q LIST 1 UNLIMITED",
	`{"domains":{"domain":{"name":"bmq.test.mem.fanout","command":{"queue":{"name":"q","command":{"messages":{"appId":"foo","offset":1,"count":2}}}}}}}`: "DOMAINS DOMAIN bmq.test.mem.fanout QUEUE q LIST foo 1 2",
}

func TestCommandsMayBeJSON(t *testing.T) {
	guid := regexp.MustCompile(`[0-9A-F]{32}`)
	answer := func(command string) (text string) {
		inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
			c := w.client()
			c.open(fanoutQueue, 1, write)
			c.produce(1, "abc", "def")
			text = guid.ReplaceAllString(w.broker.Admin(command), "GUID")
		})
		return text
	}
	for command, inWords := range jsonCommands {
		want := answer(inWords)
		require.NotContains(t, want, "Unable to decode", inWords)
		require.Equal(t, want, answer(command), command)
	}
}

// withoutDomain leaves only the names of queues of a domain.
func withoutDomain(text string) string {
	return strings.ReplaceAll(text, "bmq://bmq.test.mem.priority/", "")
}

func TestACommandForTheOnlyCluster(t *testing.T) {
	inWorld(t, broker.Config{Cluster: "mine"}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(priorityQueue, 0, read|write)
		c.produce(0, "12345")
		require.Contains(t, w.broker.Admin("CLUSTERS LIST"), "    [LOCAL ] mine:\n")
		status := w.broker.Admin("CLUSTERS CLUSTER mine STATUS")
		require.Regexp(t, `Is Healthy\s*:\s*Yes\n`, status)
		require.Contains(t, status, "Cluster ('mine') :\n------------------\n")
		require.Contains(t, status, "Num Queues    : mapped (1), active (1)\n")
		require.Equal(t, "cluster 'local' not found !", w.broker.Admin("CLUSTERS CLUSTER local STATUS"))
		require.Regexp(t, `[0-9A-F]{10}\s+0\s+1\s+5  B\s+`+priorityQueue, w.broker.Admin("CLUSTERS CLUSTER mine STORAGE SUMMARY"))
		require.Regexp(t, `[0-9A-F]{10}\s+0\s+1\s+5  B\s+`+priorityQueue+`  \(non-persistent\)$`,
			w.broker.Admin("CLUSTERS CLUSTER mine STORAGE DOMAIN bmq.test.mem.priority QUEUE_STATUS"))
		require.Empty(t, w.broker.Admin("CLUSTERS CLUSTER mine STORAGE DOMAIN bmq.test.mem.fanout QUEUE_STATUS"))
		c.open(priorityQueue+"2", 1, write)
		c.open(priorityQueue+"3", 2, write)
		c.produce(2, "123456")
		require.Regexp(t, `(?s)^[^q]*q3[^q]*q  \(non-persistent\)$`, withoutDomain(w.broker.Admin("CLUSTERS CLUSTER mine STORAGE DOMAIN bmq.test.mem.priority QUEUE_STATUS")),
			"those that store something, the largest first")
		require.Regexp(t, `(?s)ActiveQueues \.\.: 3.*Number of assigned queue-storages: 2`, w.broker.Admin("DOMAINS DOMAIN bmq.test.mem.priority INFOS"))
		require.Equal(t, "Unknown domain 'nosuch'", w.broker.Admin("CLUSTERS CLUSTER mine STORAGE DOMAIN nosuch QUEUE_STATUS"))
		require.Contains(t, status, "       0              PRIMARY       "+priorityQueue+"\n")
		for _, command := range []string{
			"QUEUEHELPER", "STATE ELECTOR SET quorum 3", "STORAGE REPLICATION GET_ALL quorum", "STORAGE PARTITION 0 DISABLE",
		} {
			require.Contains(t, w.broker.Admin("CLUSTERS CLUSTER mine "+command), "This broker is the only node of its cluster: ", command)
			require.Contains(t, w.broker.Admin("ENCODING JSON_COMPACT CLUSTERS CLUSTER mine "+command), `{"error":{"message":"This`)
		}
		const partition = "CLUSTERS CLUSTER mine STORAGE PARTITION "
		require.Equal(t, w.broker.Admin("CLUSTERS CLUSTER mine STORAGE SUMMARY"), w.broker.Admin(partition+"0 SUMMARY"))
		require.Equal(t, "Too high partitionId value: '1'", w.broker.Admin(partition+"1 DISABLE"))
		require.Equal(t, "Too low partitionId value: '-1'", w.broker.Admin(partition+"ALL SUMMARY"))
		require.Contains(t, w.broker.Admin(partition+"ALL ROLLOVER"), "has no files")
		require.Contains(t, w.broker.Admin("STAT SET PRINT 1"), "no parameters")
	})
}

func TestADomainIsRemovedInTwoRounds(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		const name, remove = "bmq.test.mem.priority", "DOMAINS REMOVE bmq.test.mem.priority"
		c := w.client()
		c.open(priorityQueue, 0, write)
		c.produce(0, "12345")
		refused := func() {
			t.Helper()
			_, failed := c.tryOpen(params(priorityQueue+"2", 1, write))
			require.Equal(t, &ctrl.Status{Category: ctrl.StatusRefused, Code: -10, Message: "Domain is removing or removed"}, failed)
		}
		require.Equal(t, "First round of "+remove[:15]+"'"+name+"' is not completed.", w.broker.Admin(remove+" FINALIZE"))
		require.Equal(t, "Trying to remove the domain '"+name+"' while there are queues opened or opening", w.broker.Admin(remove))
		refused()
		require.Equal(t, "First round of "+remove[:15]+"'"+name+"' is not completed.", w.broker.Admin(remove+" FINALIZE"))
		c.produce(0, "12345")

		c.close(params(priorityQueue, 0, write), true)
		require.Contains(t, w.broker.Admin(remove), "Purged 2 message(s) for a total of 10  B from 1 queue(s):\n")
		refused()
		require.Empty(t, w.broker.Queues())
		require.Zero(t, w.broker.Domains()[3].Messages)
		require.Equal(t, "No queue purged.", w.broker.Admin(remove), "as often as one likes")
		require.Equal(t, "SUCCESS", w.broker.Admin(remove+" FINALIZE"))
		require.Equal(t, "Domain '"+name+"' doesn't exist", w.broker.Admin(remove+" FINALIZE"))
		_, failed := c.tryOpen(params(priorityQueue, 0, write))
		require.Equal(t, ctrl.StatusUnknown, failed.Category)

		require.NoError(t, w.broker.Reconfigure(broker.Domain{Name: name}))
		c.open(priorityQueue, 0, write)
		c.close(params(priorityQueue, 0, write), true)
		require.Contains(t, w.broker.Admin(remove), "Purged 0 message(s)")
		require.NoError(t, w.broker.Reconfigure(broker.Domain{Name: name}))
		c.open(priorityQueue, 0, write)
	})
}
