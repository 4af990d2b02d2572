package broker

import (
	"fmt"
	"hash/fnv"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

const (
	// noKey is the key of all applications together, defaultKey that of the one of
	// queues that have none of their own.
	noKey      = "0000000000"
	defaultKey = "3000000000"
	// ownQueueID is the id that a queue has at the broker that owns it.
	ownQueueID = math.MaxUint32 - 1
)

// appKey is a key for an application or a queue, of the form that the official
// broker uses.
func appKey(id string) string {
	if id == ctrl.DefaultAppID {
		return defaultKey
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	return fmt.Sprintf("%010X", h.Sum64()&(1<<40-1))
}

func newMeter(kind, name string, messages, bytes, maxMessages, maxBytes int64) *meterInfo {
	return &meterInfo{
		Name: fmt.Sprintf("%s [%s]", kind, name), Messages: messages, MaxMessages: orNone(maxMessages), Bytes: bytes, MaxBytes: orNone(maxBytes),
	}
}

func (d *domain) meter() *meterInfo {
	c := d.config()
	return newMeter("domain", "bmq://"+d.name, d.usage.messages.Load(), d.usage.bytes.Load(), c.DomainMessages, c.DomainBytes)
}

// result describes a domain.
func (d *domain) result() *domainResult {
	c := d.config()
	r := &domainResult{Name: d.name, Config: DomainJSON(c) + "\n", Cluster: d.broker.config.Cluster, Meter: d.meter()}
	r.Contents.Storages = d.storages(1)
	for _, q := range d.list() {
		r.Queues = append(r.Queues, q.uri)
	}
	slices.Sort(r.Queues)
	return r
}

// result describes the state of a queue.
func (q *queue) result() *queueResult {
	q.lock()
	defer q.unlock()
	c := q.domain.config()
	r := &queueResult{State: queueState{
		URI: q.uri, ID: ownQueueID, Key: appKey(q.uri), StreamParameters: " [ ]",
		Storage: queueStored{Messages: q.store.count, Bytes: q.store.bytes},
		Meter:   newMeter("queue", q.uri, q.store.count, q.store.bytes, c.QueueMessages, c.QueueBytes),
	}}
	r.State.Meter.Parent = q.domain.meter()
	var reads, writes int32
	flags := uint64(0)
	for _, h := range q.handles {
		reads, writes = reads+h.reads, writes+h.writes
		flags |= h.flags & (ctrl.QueueFlagRead | ctrl.QueueFlagWrite)
		r.State.Handles = append(r.State.Handles, h.row())
	}
	r.State.HandleParameters = handleParameters(q.uri, ownQueueID, flags, reads, writes)
	engine := &r.Queue.Local.Engine.Fanout
	engine.Mode, engine.MaxConsumers = c.Mode.String(), c.MaxConsumers
	for _, a := range q.apps {
		r.State.Storage.Apps = append(r.State.Storage.Apps, appStored{a.id, appKey(a.id), a.messages})
	}
	for _, a := range slices.Concat(q.apps, q.strangers) {
		engine.Apps = append(engine.Apps, a.row())
		for _, level := range a.routing.levels {
			for _, g := range level.groups {
				engine.Routing.Groups = append(engine.Routing.Groups, g.row(len(engine.Routing.Groups)+1))
			}
		}
	}
	return r
}

// handleParameters prints how a queue is opened.
func handleParameters(uri string, id uint32, flags uint64, reads, writes int32) string {
	return fmt.Sprintf("[ uri = %q qId = %d subIdInfo = NULL flags = %d readCount = %d writeCount = %d adminCount = 0 ]",
		uri, id, flags, reads, writes)
}

func (h *handle) row() handleRow {
	row := handleRow{Client: fmt.Sprintf("connection %d  ~ %s", h.session.conn.id, h.client()), Parameters: handleParameters(h.queue.uri, h.id, h.flags, h.reads, h.writes)}
	for _, st := range h.streams {
		row.SubStreams = append(row.SubStreams, st.row())
	}
	return row
}

// client names the client of a handle: its program, its process and, if it has
// several, which of its sessions.
func (h *handle) client() string {
	id := &h.session.identity
	name := fmt.Sprintf("%s:%d", filepath.Base(id.ProcessName), id.PID)
	if id.SessionID != 1 {
		name += fmt.Sprintf(".%d", id.SessionID)
	}
	return name
}

// row describes consumers that take turns.
func (g *group) row(id int) groupRow {
	row := groupRow{ID: id, Expression: g.key.Text}
	row.Priority.ID = id
	for _, s := range g.turn {
		r := subscriptionRow{}
		r.Consumer.MaxMessages, r.Consumer.MaxBytes = s.window.maxMessages, s.window.maxBytes
		r.Consumer.Priority, r.Consumer.Count = s.priority, s.count
		r.Subscriber.SubID = s.stream.subID
		row.Priority.Subscriptions = append(row.Priority.Subscriptions, r)
	}
	return row
}

func (st *stream) row() streamRow {
	row := streamRow{ID: st.subID, App: st.appID, Parameters: st.parameters()}
	if st.handle.reads > 0 {
		unconfirmed := st.count
		row.Unconfirmed = &unconfirmed
	}
	for _, s := range st.subscriptions {
		row.Windows = append(row.Windows, s.window.row())
	}
	return row
}

// parameters prints how a stream is configured.
func (st *stream) parameters() string {
	var s strings.Builder
	fmt.Fprintf(&s, "[ appId = %q subscriptions = [", st.appID)
	for _, sub := range st.subscriptions {
		fmt.Fprintf(&s, " [ sId = %d expression = [ version = %s text = %q ] consumers = [ [ maxUnconfirmedMessages = %d maxUnconfirmedBytes = %d consumerPriority = %d consumerPriorityCount = %d ] ] ]",
			sub.id, sub.expression.Version, sub.expression.Text, sub.window.maxMessages, sub.window.maxBytes, sub.priority, sub.count)
	}
	return s.String() + " ] ]"
}

func (w *window) row() windowRow {
	// Of the ratio at which a window opens again, the official schema has a whole number.
	messages, bytes := lowMark(w.maxMessages)/max(1, w.maxMessages), lowMark(w.maxBytes)/max(1, w.maxBytes)
	return windowRow{
		State: windowState(!w.open()), MessagesState: windowState(w.fullMessages), BytesState: windowState(w.fullBytes),
		MessagesLow: messages, MessagesHigh: messages, BytesLow: bytes, BytesHigh: bytes,
		Messages: w.messages, MaxMessages: w.maxMessages, Bytes: w.bytes, MaxBytes: w.maxBytes,
	}
}

func windowState(full bool) string {
	if full {
		return "STATE_FULL"
	}
	return "STATE_NORMAL"
}

// row describes an application. The queue is locked.
func (a *app) row() consumerRow {
	row := consumerRow{ID: a.id, Status: "unauthorized"}
	row.State.ID, row.State.Redelivery = a.id, a.redelivery.len()
	for _, st := range a.routing.consumers {
		row.State.Consumers++
		for _, s := range st.subscriptions {
			row.State.Router.Consumers = append(row.State.Router.Consumers, routerRow{
				Priority: s.priority, Handle: handleRow{Client: st.handle.client()}, Count: s.count, Expression: s.expression.Text,
			})
		}
	}
	if a.authorized {
		atEnd := a.inStep() && a.queue.store.seek(a.queue.cursor) >= a.queue.store.next
		row.Status, row.AtEnd = "registered", &atEnd
		if row.State.Consumers > 0 {
			row.Status = "alive"
		}
	}
	return row
}

// The forms of the time of a message in text and in JSON.
const (
	textTime = "02Jan2006_15:04:05.000000-0700"
	jsonTime = "2006-01-02T15:04:05.000-07:00"
)

// result lists messages of a queue.
func (l *listing) result(q *queue) *result {
	q.lock()
	defer q.unlock()
	a := q.app(l.app)
	if l.app != "" && a == nil {
		return failed("Invalid 'LIST' command: invalid APPID")
	}
	var all []*message
	for p := q.store.seek(0); p < q.store.next; p = q.store.seek(p + 1) {
		if a == nil || a.needs(p) {
			all = append(all, q.store.at(p))
		}
	}
	from, to := l.pick(len(all))
	r := &contentsResult{Offset: from, Total: len(all)}
	from = min(from, len(all))
	for _, m := range all[from:to] {
		at := q.domain.broker.started.Add(m.arrived).UTC().Round(time.Microsecond)
		r.Messages = append(r.Messages, contentsLine{
			GUID: m.guid.String(), Size: len(m.data), Arrived: at.Format(jsonTime), printed: strings.ToUpper(at.Format(textTime)),
		})
	}
	return &result{QueueContents: r}
}
