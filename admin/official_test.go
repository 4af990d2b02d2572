package admin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/admin"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/officialbroker"
	"github.com/bmq-go/bmq/sessionevents"
)

// comparison is a command, and how the answers of the two brokers compare.
type comparison struct {
	command string
	// unordered answers have lines in the order of a hash table.
	unordered bool
	// differs says why the answers are not the same, if they are not.
	differs string
	// except are the parts in which they differ, where these can be told. Else
	// same are parts that are the same all the same.
	except, same string
	// late is what the official broker says for a while after something was done.
	late string
}

// encodings are the forms in which answers are asked for.
var encodings = []string{"", "ENCODING JSON_COMPACT ", "ENCODING JSON_PRETTY "}

const (
	ofPriority = "DOMAINS DOMAIN bmq.test.mem.priority"
	ofFanout   = "DOMAINS DOMAIN bmq.test.mem.fanout"
	ofCluster  = "CLUSTERS CLUSTER local"
	noFiles    = "the embedded broker has no files"
	noTuning   = "the embedded broker has no parameters that could be tuned at run time, and says so"
)

// commands that change nothing are run first, in each encoding.
var harmless = []comparison{
	{command: "HELP", differs: "the embedded broker lists only the commands that it has", same: `CLUSTERS CLUSTER <name> STATUS`},
	{command: "HELP PLUMBING", differs: "the embedded broker lists only the commands that it has", same: `DOMAINS DOMAIN <name> PURGE`},
	{command: "BROKERCONFIG DUMP", differs: "each has a configuration of its own, and the embedded broker uses few of its values", same: `brokerInstanceName`},
	{command: "CLUSTERS LIST"},
	{command: ofPriority + " INFOS"},
	{command: ofFanout + " INFOS"},
	{command: "DOMAINS DOMAIN bmq.test.mmap.priority INFOS"},
	{command: ofPriority + " QUEUE orders INTERNALS"},
	{command: ofFanout + " QUEUE events INTERNALS", unordered: true},
	{command: ofPriority + " QUEUE nosuch INTERNALS"},
	{command: "DOMAINS DOMAIN no.such.domain INFOS"},
	{command: "DOMAINS DOMAIN no.such.domain QUEUE q INTERNALS"},
	{command: ofPriority + " QUEUE orders LIST 0 10"},
	{command: ofPriority + " QUEUE orders LIST 1 1"},
	{command: ofPriority + " QUEUE orders LIST -1 1"},
	{command: ofPriority + " QUEUE orders LIST -1 -1"},
	{command: ofPriority + " QUEUE orders LIST 7 1"},
	{command: ofPriority + " QUEUE orders LIST 7 -1"},
	{command: ofPriority + " QUEUE orders LIST 1 -5"},
	{command: ofPriority + " QUEUE orders LIST -9 1"},
	{command: ofPriority + " QUEUE orders LIST 0 UNLIMITED"},
	{command: ofPriority + " QUEUE orders LIST nosuch 0 1"},
	{command: ofFanout + " QUEUE events LIST foo 0 0"},
	{command: ofPriority + " QUEUE nosuch LIST 0 1"},
	{command: "DOMAINS RECONFIGURE no.such.domain"},
	{command: "STAT SHOW", differs: "the embedded broker counts queues only, at once, and measures no times", same: `(?i)domainqueues`},
	{command: "STAT LIST_TUNABLES", differs: noTuning},
	{command: ofCluster + " STATUS", differs: noFiles},
	{command: ofCluster + " STORAGE SUMMARY", differs: noFiles},
	{command: ofCluster + " STORAGE DOMAIN bmq.test.mem.priority QUEUE_STATUS", unordered: true},
	{command: ofCluster + " STORAGE DOMAIN bmq.test.mem.fanout QUEUE_STATUS"},
	{command: ofCluster + " STORAGE DOMAIN no.such.domain QUEUE_STATUS"},
	{command: ofCluster + " STORAGE PARTITION 0 SUMMARY", differs: noFiles},
	{command: ofCluster + " STORAGE REPLICATION LIST_TUNABLES", differs: noTuning},
	{command: ofCluster + " STATE ELECTOR LIST_TUNABLES", differs: noTuning},
	{command: ofCluster + " QUEUEHELPER", differs: "the embedded broker opens queues at no other node"},
	{command: "CLUSTERS CLUSTER nosuch STATUS"},
	{command: "CLUSTERS CLUSTER nosuch STORAGE SUMMARY"},
	{command: "CLUSTERS CLUSTER nosuch FORCE_GC_QUEUES"},
}

// undecodable are no commands, whatever the encoding.
var undecodable = []comparison{
	{command: ""},
	{command: " "},
	{command: "NONSENSE"},
	{command: "help nonsense"},
	{command: "HELP PLUMBING more words"},
	{command: "ENCODING"},
	{command: "ENCODING XML HELP"},
	{command: "ENCODING JSON_PRETTY"},
	{command: "BROKERCONFIG"},
	{command: "BROKERCONFIG x"},
	{command: "BROKERCONFIG DUMP x"},
	{command: "DOMAINS"},
	{command: "DOMAINS x"},
	{command: "DOMAINS DOMAIN"},
	{command: "DOMAINS DOMAIN d"},
	{command: "DOMAINS DOMAIN d x"},
	{command: "DOMAINS DOMAIN d PURGE x y"},
	{command: "DOMAINS DOMAIN d INFOS x"},
	{command: "DOMAINS DOMAIN d QUEUE"},
	{command: "DOMAINS DOMAIN d QUEUE q"},
	{command: "DOMAINS DOMAIN d QUEUE q x"},
	{command: "DOMAINS DOMAIN d QUEUE q PURGE"},
	{command: "DOMAINS DOMAIN d QUEUE q PURGE a b"},
	{command: "DOMAINS DOMAIN d QUEUE q INTERNALS x"},
	{command: "DOMAINS DOMAIN d QUEUE q LIST"},
	{command: "DOMAINS DOMAIN d QUEUE q LIST 1"},
	{command: "DOMAINS DOMAIN d QUEUE q LIST x 1"},
	{command: "DOMAINS DOMAIN d QUEUE q LIST 1 x"},
	{command: "DOMAINS DOMAIN d QUEUE q LIST 1 12345678901"},
	{command: "DOMAINS DOMAIN d QUEUE q LIST a 1 2 3"},
	{command: "DOMAINS RESOLVER"},
	{command: "DOMAINS RESOLVER x"},
	{command: "DOMAINS RESOLVER CACHE_CLEAR"},
	{command: "DOMAINS RESOLVER CACHE_CLEAR ALL x"},
	{command: "DOMAINS RECONFIGURE"},
	{command: "DOMAINS RECONFIGURE d x"},
	{command: "DOMAINS REMOVE"},
	{command: "DOMAINS REMOVE d x"},
	{command: "DOMAINS REMOVE d FINALIZE x"},
	{command: "CONFIGPROVIDER"},
	{command: "CONFIGPROVIDER CACHE_CLEAR"},
	{command: "STAT"},
	{command: "STAT x"},
	{command: "STAT SHOW x"},
	{command: "STAT SET"},
	{command: "STAT SET x"},
	{command: "STAT GET"},
	{command: "STAT LIST_TUNABLES x"},
	{command: "CLUSTERS"},
	{command: "CLUSTERS x"},
	{command: "CLUSTERS LIST x"},
	{command: "CLUSTERS CLUSTER"},
	{command: ofCluster},
	{command: ofCluster + " x"},
	{command: ofCluster + " STATUS x"},
	{command: ofCluster + " QUEUEHELPER x"},
	{command: ofCluster + " FORCE_GC_QUEUES x"},
	{command: ofCluster + " STATE"},
	{command: ofCluster + " STATE x"},
	{command: ofCluster + " STATE ELECTOR"},
	{command: ofCluster + " STATE ELECTOR x"},
	{command: ofCluster + " STATE ELECTOR GET"},
	{command: ofCluster + " STATE ELECTOR SET_ALL"},
	{command: ofCluster + " STATE ELECTOR SET x"},
	{command: ofCluster + " STORAGE"},
	{command: ofCluster + " STORAGE x"},
	{command: ofCluster + " STORAGE SUMMARY x"},
	{command: ofCluster + " STORAGE DOMAIN"},
	{command: ofCluster + " STORAGE DOMAIN d"},
	{command: ofCluster + " STORAGE DOMAIN d x"},
	{command: ofCluster + " STORAGE DOMAIN d QUEUE_STATUS x"},
	{command: ofCluster + " STORAGE PARTITION"},
	{command: ofCluster + " STORAGE PARTITION x"},
	{command: ofCluster + " STORAGE PARTITION 0"},
	{command: ofCluster + " STORAGE PARTITION 0 x"},
	{command: ofCluster + " STORAGE REPLICATION"},
	{command: ofCluster + " STORAGE REPLICATION x"},
	{command: ofCluster + " STORAGE REPLICATION SET x"},
	{command: ofCluster + " STORAGE REPLICATION GET_ALL"},
	{command: "{", differs: "each has its own words for what is no JSON", same: `^Unable to decode command \(rc: -1, error: 'Error decoding JSON command`},
	{command: "{}", differs: "the official broker decodes this, as a command that it does not know"},
	{command: `{"help":{},"encoding":"XML"}`, differs: "each has its own words for what is no JSON", same: `^Unable to decode command \(rc: -1, error: '`},
}

// inJSON are commands that are JSON themselves.
var inJSON = []comparison{
	{command: `{"clusters":{"list":{}}}`},
	{command: `{"encoding":"JSON_COMPACT","clusters":{"list":{}}}`},
	{command: `{"encoding":"JSON_PRETTY","domains":{"domain":{"name":"bmq.test.mem.fanout","command":{"info":{}}}}}`},
	{command: `{"domains":{"domain":{"name":"bmq.test.mem.priority","command":{"queue":{"name":"orders","command":{"internals":{}}}}}}}`},
	{command: `{"domains":{"domain":{"name":"bmq.test.mem.priority","command":{"queue":{"name":"orders","command":{"messages":{"offset":0,"count":2}}}}}}}`},
	{command: `{"domains":{"domain":{"name":"bmq.test.mem.fanout","command":{"queue":{"name":"events","command":{"messages":{"appId":"bar","offset":-1,"count":1}}}}}}}`},
	{command: `{"domains":{"domain":{"name":"bmq.test.mem.priority","command":{"queue":{"name":"nosuch","command":{"purgeAppId":"*"}}}}}}`},
	{command: `{"clusters":{"cluster":{"name":"local","command":{"storage":{"domain":{"name":"bmq.test.mem.fanout","command":{"queueStatus":{}}}}}}}}`},
	{command: `{"clusters":{"cluster":{"name":"nosuch","command":{"status":{}}}}}`},
}

// changing are commands that change something, in this order.
var changing = []comparison{
	{command: ofFanout + " QUEUE events PURGE foo"},
	{command: "ENCODING JSON_COMPACT " + ofFanout + " QUEUE events PURGE bar"},
	{command: "ENCODING JSON_PRETTY " + ofFanout + " QUEUE events PURGE nosuch"},
	{command: ofFanout + " QUEUE events PURGE nosuch"},
	{command: ofFanout + " QUEUE events PURGE *"},
	{
		command: ofFanout + " QUEUE events INTERNALS", unordered: true, except: `atEnd=\w+`,
		differs: "the official broker notices that an application is at the end when it looks for its next message",
	},
	{command: "ENCODING JSON_COMPACT " + ofPriority + " QUEUE orders PURGE *"},
	{command: ofPriority + " QUEUE nosuch PURGE *"},
	{command: "ENCODING JSON_COMPACT " + ofPriority + " QUEUE nosuch PURGE *"},
	{command: "ENCODING JSON_PRETTY DOMAINS DOMAIN bmq.test.mmap.priority PURGE"},
	{command: "DOMAINS DOMAIN bmq.test.mmap.priority PURGE"},
	{command: "DOMAINS DOMAIN no.such.domain PURGE"},
	{command: ofPriority + " PURGE", unordered: true},
	{command: ofPriority + " INFOS", unordered: true},
	{command: "DOMAINS REMOVE no.such.domain"},
	{command: "DOMAINS REMOVE no.such.domain FINALIZE"},
	{command: "DOMAINS REMOVE bmq.test.mem.broadcast FINALIZE"},
	{command: "DOMAINS REMOVE bmq.test.mem.priority"},
	{command: "ENCODING JSON_COMPACT DOMAINS REMOVE bmq.test.mmap.fanout"},
	{command: "DOMAINS REMOVE bmq.test.mmap.fanout FINALIZE"},
	{command: "DOMAINS DOMAIN bmq.test.mmap.fanout INFOS", differs: "the official broker finds the file of a domain that was removed, and has it again"},
	{command: ofCluster + " FORCE_GC_QUEUES"},
	{command: "ENCODING JSON_PRETTY " + ofCluster + " FORCE_GC_QUEUES"},
	{command: ofPriority + " INFOS", unordered: true},
	{command: "DOMAINS RECONFIGURE bmq.test.mem.priority", differs: "the embedded broker has no directory here"},
}

// last are commands that follow when the queue of the domain for broadcast is closed.
// The official broker does not survive the end of a removal after its caches were
// cleared.
var last = []comparison{
	{command: "DOMAINS REMOVE bmq.test.mem.broadcast", late: "while there are queues opened or opening"},
	{command: "DOMAINS REMOVE bmq.test.mem.broadcast FINALIZE"},
	{command: "CONFIGPROVIDER CACHE_CLEAR bmq.test.mem.fanout"},
	{command: "DOMAINS RESOLVER CACHE_CLEAR bmq.test.mem.fanout"},
	{command: "DOMAINS RESOLVER CACHE_CLEAR bmq.test.mem.fanout", differs: "a cache that was cleared knows no domain; the embedded broker has none"},
	{command: "DOMAINS RESOLVER CACHE_CLEAR ALL"},
	{command: "CONFIGPROVIDER CACHE_CLEAR ALL"},
	{command: `{"domains":{"resolver":{"clearCache":{"all":{}}}}}`},
}

// TestAnOfficialBrokerAnswersCommandsTheSame has the same done at the embedded broker
// and at an official one, and compares what they say about it.
func TestAnOfficialBrokerAnswersCommandsTheSame(t *testing.T) {
	official := officialbroker.ForTest(t, officialbroker.Config{}).URI()
	embedded := bmqtest.Start(t).URI()
	ours, theirs := client(t, embedded), client(t, official)
	sessions := []*bmq.Session{scene(t, embedded), scene(t, official)}

	all := slices.Concat(undecodable, inJSON)
	for _, c := range harmless {
		command := c.command
		for _, e := range encodings {
			c.command = e + command
			all = append(all, c)
		}
	}
	compare := func(list []comparison) {
		for _, c := range list {
			t.Run(c.command, func(t *testing.T) { c.run(t, ours, theirs) })
		}
	}
	compare(all)
	compare(changing)
	for _, s := range sessions {
		require.NoError(t, s.CloseQueue(t.Context(), "bmq://bmq.test.mem.broadcast/all"))
	}
	compare(last)
	for _, s := range sessions {
		require.NoError(t, s.Stop(t.Context()))
	}
}

// scene opens queues, posts to them and has some of it delivered, in a way that leaves
// no choice to the broker.
func scene(t *testing.T, uri string) *bmq.Session {
	t.Helper()
	got := make(chan *bmq.MessageHandle, 10)
	s, err := bmq.NewSession(t.Context(), func(sessionevents.SessionEvent) {}, bmq.WithBroker(uri), bmq.WithEngine(bmq.EnginePortable),
		bmq.WithOnMessage(func(_ *bmq.Message, h *bmq.MessageHandle) { got <- h }))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() }) // stopped before, unless the test failed
	two := bmq.WithQueueOptions(bmq.QueueOptions{MaxUnconfirmedMessages: bmq.Some(2)})
	const orders, events = "bmq://bmq.test.mem.priority/orders", "bmq://bmq.test.mem.fanout/events"
	// The official broker had this one opened to see whether it had started.
	const ready = "bmq://bmq.test.mem.priority/ready"
	require.NoError(t, s.OpenQueue(t.Context(), ready, bmq.WithWrite()))
	require.NoError(t, s.CloseQueue(t.Context(), ready))
	require.NoError(t, s.OpenQueue(t.Context(), orders, bmq.WithWrite(), bmq.WithRead(), two))
	post(t, s, orders, 4)
	confirmed := []*bmq.MessageHandle{<-got, <-got}
	require.NoError(t, confirmed[0].Confirm())
	require.NoError(t, confirmed[1].Confirm())
	<-got
	<-got
	require.NoError(t, s.OpenQueue(t.Context(), events, bmq.WithWrite()))
	require.NoError(t, s.OpenQueue(t.Context(), events+"?id=foo", bmq.WithRead(), two))
	post(t, s, events, 3)
	<-got
	<-got
	const kept = "bmq://bmq.test.mmap.priority/kept"
	require.NoError(t, s.OpenQueue(t.Context(), kept, bmq.WithWrite()))
	post(t, s, kept, 2)
	require.NoError(t, s.OpenQueue(t.Context(), "bmq://bmq.test.mem.broadcast/all", bmq.WithRead()))
	return s
}

// answerTo returns what a broker says to a command.
func answerTo(t *testing.T, c *admin.Client, command string) string {
	t.Helper()
	text, err := c.Run(t.Context(), command)
	var refused *admin.CommandError
	if errors.As(err, &refused) {
		return refused.Text
	}
	require.NoError(t, err)
	return text
}

// varies is what is never the same twice: GUIDs, keys, addresses, times.
var varies = []*regexp.Regexp{
	regexp.MustCompile(`\b[0-9A-F]{32}\b`),
	regexp.MustCompile(`\b[0-9A-F]{10}\b`), // and some numbers
	regexp.MustCompile(`admin\.test:\d+\.\d+`),
	regexp.MustCompile(`0x[0-9a-f]+|connection \d+`),
	regexp.MustCompile(`\b(localhost|127\.0\.0\.1)(~localhost)?:\d+`),
	regexp.MustCompile(`\d\d[A-Z]{3}\d{4}_\d\d:\d\d:\d\d\.\d{6}`),
	regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00`),
}

// comparable returns the lines of an answer without what varies.
func (c *comparison) comparable(text string) []string {
	if c.unordered {
		var pretty bytes.Buffer
		if json.Indent(&pretty, []byte(text), "", " ") == nil {
			text = strings.ReplaceAll(pretty.String(), ",\n", "\n")
		}
	}
	for i, v := range varies {
		text = v.ReplaceAllString(text, "<"+string(rune('A'+i))+">")
	}
	lines := strings.SplitAfter(text, "\n")
	if c.unordered {
		slices.Sort(lines)
	}
	return lines
}

func (c *comparison) run(t *testing.T, ours, theirs *admin.Client) {
	got, want := answerTo(t, ours, c.command), answerTo(t, theirs, c.command)
	if c.late != "" {
		require.Eventually(t, func() bool {
			if strings.Contains(want, c.late) {
				want = answerTo(t, theirs, c.command)
			}
			return !strings.Contains(want, c.late)
		}, 10*time.Second, 10*time.Millisecond, "the official broker says still: %s", want)
	}
	if c.except != "" {
		parts := regexp.MustCompile(c.except)
		require.Regexp(t, parts, want)
		got, want = parts.ReplaceAllString(got, ""), parts.ReplaceAllString(want, "")
	}
	if c.differs == "" || c.except != "" {
		require.Equal(t, c.comparable(want), c.comparable(got), "expected is the official broker, got:\n%s", got)
		return
	}
	require.NotEqual(t, c.comparable(want), c.comparable(got), "this is no difference: %s", c.differs)
	if c.same != "" {
		part := regexp.MustCompile(c.same)
		require.NotEmpty(t, part.FindString(want), "%s", want)
		require.Equal(t, part.FindAllString(want, -1), part.FindAllString(got, -1))
	}
}
