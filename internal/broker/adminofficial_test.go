package broker_test

import (
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// recordedCommands are the commands of a recording and what the official broker
// printed.
func recordedCommands(t *testing.T, name string) map[string]string {
	answers := make(map[string]string)
	commands := make(map[int32]string)
	for _, l := range readCapture(t, filepath.Join(captures, name)) {
		raw, err := hex.DecodeString(l.Hex)
		require.NoError(t, err)
		if l.Conn != 2 || l.Type != "CONTROL" {
			continue
		}
		ev, err := wire.ParseEvent(raw)
		require.NoError(t, err)
		var m ctrl.ControlMessage
		if ctrl.Decode(ev.Body, ev.Encoding, &m) != nil || m.RID == nil {
			continue
		}
		if c := m.Choice.AdminCommand; c != nil {
			commands[*m.RID] = c.Command
		} else if r := m.Choice.AdminCommandResponse; r != nil {
			answers[commands[*m.RID]] = r.Text
		}
	}
	return answers
}

// variable is what differs from run to run: keys, addresses, the times of messages.
var variable = regexp.MustCompile(`(primary ~ |^ +)[0-9A-F]{10}\b|0x[0-9a-f]+|connection \d+|\d\d[A-Z]{3}\d{4}_\d\d:\d\d:\d\d\.\d{6}`)

func withoutVariable(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, variable.ReplaceAllString(line, "VARIES"))
	}
	return lines
}

func TestCommandsPrintWhatTheOfficialBrokerPrints(t *testing.T) {
	recorded := recordedCommands(t, "65-admin-raw.jsonl")
	inWorld(t, captureConfig("65-admin-raw.jsonl"), func(t *testing.T, w *world) {
		// What was there at the time of the recording, as far as its answers show it.
		id := defaultIdentity()
		id.ProcessName, id.PID = "raw-client", 4242
		c := w.clientAs(id)
		for qid, name := range []string{"q58", "q59", "q60"} {
			c.open("bmq://bmq.test.mem.priority/"+name, uint32(qid)+1, write)
		}
		c.open("bmq://bmq.test.mem.priority/q65", 0, write|ctrl.QueueFlagAck)
		c.produce(1, "123456789", "123456789")
		c.produce(2, "123456789", "123456789")
		var list []put
		for n := range byte(3) {
			m := c.message(0, "msg-0")
			m.GUID = wire.GUID{0: 0x40, 15: n + 1}
			list = append(list, m)
		}
		c.post(list...)
		a := w.admin(wire.EncodingJSON)
		for _, command := range []string{
			"CLUSTERS LIST",
			"DOMAINS DOMAIN bmq.test.mem.priority QUEUE q65 INTERNALS",
			"DOMAINS DOMAIN bmq.test.mem.priority QUEUE q65 LIST 0 10",
			"DOMAINS DOMAIN bmq.test.mem.priority QUEUE q65 PURGE *",
			"DOMAINS DOMAIN bmq.no.such.domain PURGE",
			"DOMAINS DOMAIN bmq.test.mem.priority QUEUE nosuch INTERNALS",
			"no such command",
			"",
		} {
			want, ok := recorded[command]
			require.True(t, ok, command)
			got := a.command(command)
			require.Equal(t, withoutVariable(want), withoutVariable(got), command)
		}
		c.acks()
		c.produce(0, "msg-0", "msg-1", "msg-2")
		// The file of the recorded domain left out its name. Storages come in the order of a hash table, q60 had none yet.
		infos, _, _ := strings.Cut(recorded["DOMAINS DOMAIN bmq.test.mem.priority INFOS"], "\nStorage")
		got, storages, _ := strings.Cut(a.command("DOMAINS DOMAIN bmq.test.mem.priority INFOS"), "\nStorage")
		require.Equal(t, strings.Replace(infos, `"name": ""`, `"name": "bmq.test.mem.priority"`, 1), got)
		require.Contains(t, recorded["DOMAINS DOMAIN bmq.test.mem.priority INFOS"], "       0             3       15  B    bmq://bmq.test.mem.priority/q65  (non-persistent)")
		require.Contains(t, storages, "       0             3       15  B    bmq://bmq.test.mem.priority/q65  (non-persistent)")

		// The table of statistics has the same columns, and each command that is there
		// has the official broker's words.
		table := strings.Split(recorded["STAT SHOW"], "\n")
		ours := strings.Split(a.command("STAT SHOW"), "\n")
		require.Equal(t, table[:2], ours[:2])
		require.Equal(t, columnsOf(table[2]), columnsOf(ours[2]))
		require.Equal(t, columnsOf(table[3]), columnsOf(ours[3]))
		help := a.command("HELP")
		for line := range strings.Lines(help) {
			if strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "        ") {
				require.Contains(t, recorded["HELP"], line)
			}
		}
	})
}

func columnsOf(line string) (names []string) {
	for name := range strings.SplitSeq(line, "|") {
		names = append(names, strings.TrimSpace(name))
	}
	return names
}

func TestAnswersInJSONHaveTheOfficialSchema(t *testing.T) {
	inWorld(t, broker.Config{}, func(t *testing.T, w *world) {
		c := w.client()
		c.open(fanoutQueue, 0, write)
		c.openApp(fanoutQueue, 0, 1, "foo")
		c.configureApp(0, "foo", withWindow(sub(1), 2, 100))
		c.produce(0, "12345", "12345", "12345")
		domain, queue := "DOMAINS DOMAIN bmq.test.mem.fanout", "DOMAINS DOMAIN bmq.test.mem.fanout QUEUE q"
		ask := func(command string, answer any) string {
			compact := w.broker.Admin("ENCODING JSON_COMPACT " + command)
			require.NotContains(t, compact, "\n")
			require.NotRegexp(t, `[^\\]/`, compact, "the official broker escapes slashes")
			require.NoError(t, json.Unmarshal([]byte(compact), answer), compact)
			return compact
		}
		var infos struct {
			Info struct {
				Name, ConfigJSON, ClusterName string
				QueueUris                     []string
				CapacityMeter                 map[string]any
				StorageContent                struct{ Storages []map[string]any }
			} `json:"domainInfo"`
		}
		ask(domain+" INFOS", &infos)
		require.Equal(t, "bmq.test.mem.fanout", infos.Info.Name)
		require.Equal(t, "local", infos.Info.ClusterName)
		require.Equal(t, []string{fanoutQueue}, infos.Info.QueueUris)
		require.Equal(t, map[string]any{
			"name": "domain [bmq://bmq.test.mem.fanout]", "isDisabled": false, "numMessages": 3.0, "messageCapacity": 2e6, "numMessagesReserved": 0.0,
			"numBytes": 15.0, "byteCapacity": float64(2 << 30), "numBytesReserved": 0.0,
		}, infos.Info.CapacityMeter)
		require.Equal(t, 3.0, infos.Info.StorageContent.Storages[0]["numMessages"])
		require.Equal(t, false, infos.Info.StorageContent.Storages[0]["isPersistent"])
		require.Contains(t, infos.Info.ConfigJSON, "\"fanout\": {\n      \"appIDs\": [\n        \"foo\",")

		var internals struct {
			Internals struct {
				State struct {
					URI     string
					Storage struct {
						NumMessages, NumBytes int
						VirtualStorages       []map[string]any
					}
					Handles []struct {
						SubStreams []struct {
							AppID                  string
							NumUnconfirmedMessages *int
							UnconfirmedMonitors    []map[string]any
						}
					}
				}
				Queue struct {
					LocalQueue struct {
						QueueEngine struct {
							Fanout struct {
								Mode           string
								ConsumerStates []map[string]any
							}
						}
					}
				}
			} `json:"queueInternals"`
		}
		ask(queue+" INTERNALS", &internals)
		state, engine := &internals.Internals.State, &internals.Internals.Queue.LocalQueue.QueueEngine.Fanout
		require.Equal(t, 3, state.Storage.NumMessages)
		require.Equal(t, 15, state.Storage.NumBytes)
		require.Len(t, state.Storage.VirtualStorages, 3)
		require.Equal(t, "foo", state.Storage.VirtualStorages[0]["appId"])
		streams := state.Handles[0].SubStreams
		require.Zero(t, *streams[0].NumUnconfirmedMessages, "of the writer")
		require.Equal(t, 2, *streams[1].NumUnconfirmedMessages)
		require.Equal(t, "STATE_FULL", streams[1].UnconfirmedMonitors[0]["messagesState"])
		require.Equal(t, "STATE_NORMAL", streams[1].UnconfirmedMonitors[0]["bytesState"])
		require.Equal(t, 10.0, streams[1].UnconfirmedMonitors[0]["numBytes"])
		require.Equal(t, "fanout", engine.Mode)
		require.Equal(t, "alive", engine.ConsumerStates[0]["status"])
		require.Equal(t, "registered", engine.ConsumerStates[1]["status"])
		require.Equal(t, 1.0, engine.ConsumerStates[0]["appState"].(map[string]any)["numConsumers"])
		require.Contains(t, w.broker.Admin("ENCODING JSON_COMPACT "+queue+" INTERNALS"), `"Routing":{"subscriptionGroups":[{"id":1,"expression":"",`+
			`"upstreamSubQueueId":0,"priorityGroup":{"id":1,"highestSubscriptions":[{"downstreamSubscriptionId":0,"consumer":{"maxUnconfirmedMessages":2,`+
			`"maxUnconfirmedBytes":100,"consumerPriority":0,"consumerPriorityCount":1},"subscriber":{"downstreamSubQueueId":1}}]}}]}`)
		require.Contains(t, w.broker.Admin(queue+" INTERNALS"), "STATE_FULL [Messages (STATE_FULL): 2 (2 - 2 - 2), Bytes (STATE_NORMAL): 10  B (0  B - 0  B - 100  B)]")

		var contents struct {
			Contents struct {
				Offset, TotalQueueMessages int
				Messages                   []struct {
					GUID, ArrivalTimestamp string
					SizeBytes              int
				}
			} `json:"queueContents"`
		}
		ask(queue+" LIST foo 1 1", &contents)
		require.Equal(t, 1, contents.Contents.Offset)
		require.Equal(t, 3, contents.Contents.TotalQueueMessages)
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$`, contents.Contents.Messages[0].ArrivalTimestamp)

		var stats struct{ Stats string }
		ask("STAT SHOW", &stats)
		var values struct {
			DomainQueues struct {
				Domains map[string]map[string]struct {
					AppIDs map[string]struct{ Values map[string]int }
					Values map[string]int
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(stats.Stats), &values))
		row := values.DomainQueues.Domains["bmq.test.mem.fanout"][fanoutQueue]
		v := row.Values
		require.Equal(t, 3, v["queue_put_msgs_abs"])
		require.Equal(t, 2, v["queue_push_msgs_abs"])
		require.Equal(t, 1, v["queue_producers_count"])
		require.Len(t, row.AppIDs, 3)
		require.Len(t, row.AppIDs["foo"].Values, len(v), "each has all values")
		require.Equal(t, 3, row.AppIDs["foo"].Values["queue_msgs_current"])
		require.Equal(t, 15, row.AppIDs["foo"].Values["queue_content_bytes"])

		var purged struct {
			PurgedQueues struct {
				Queues []struct {
					Queue map[string]any
					Error struct{ Message string }
				}
			}
		}
		ask(queue+" PURGE bar", &purged)
		delete(purged.PurgedQueues.Queues[0].Queue, "appKey")
		require.Equal(t, map[string]any{"queueUri": fanoutQueue, "appId": "bar", "numMessagesPurged": 3.0, "numBytesPurged": 15.0}, purged.PurgedQueues.Queues[0].Queue)
		ask(queue+" PURGE nosuch", &purged)
		require.Contains(t, purged.PurgedQueues.Queues[0].Error.Message, "not found")

		for _, command := range []string{"DOMAINS DOMAIN x INFOS", "DOMAINS DOMAIN x PURGE", "DOMAINS RECONFIGURE x", "CONFIGPROVIDER CACHE_CLEAR x"} {
			require.Equal(t, `{"error":{"message":"Domain 'x' doesn't exist"}}`, w.broker.Admin("ENCODING JSON_COMPACT "+command))
		}
		require.Equal(t, "Invalid 'LIST' command: invalid APPID", w.broker.Admin(queue+" LIST nosuch 0 10"))
		require.Equal(t, "{\n    \"success\": {\n\n    }\n}\n", w.broker.Admin("encoding json_pretty CONFIGPROVIDER CACHE_CLEAR ALL"))
		require.Contains(t, w.broker.Admin("ENCODING JSON_COMPACT HELP PLUMBING"), `"isPlumbing":true`)
		require.Equal(t, w.broker.Admin("HELP"), w.broker.Admin("ENCODING TEXT HELP"))
		require.True(t, json.Valid([]byte(w.broker.Admin("ENCODING JSON_PRETTY STAT SHOW"))))
	})
}
