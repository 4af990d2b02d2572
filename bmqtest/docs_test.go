package bmqtest_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/sessionevents"
)

// What docs/testing.md shows; TestSnippetsOfTheDocumentationAreTested keeps the two the
// same.

const orders = "bmq://bmq.test.mem.priority/orders"

// sendOrder is the application that is tested.
func sendOrder(ctx context.Context, s *bmq.Session, order string) error {
	if err := s.OpenQueue(ctx, orders, bmq.WithWrite()); err != nil && !errors.Is(err, bmq.ErrAlreadyOpened) {
		return err
	}
	_, err := s.PostAndWait(ctx, orders, []byte(order), bmq.WithProperties(map[string]any{"kind": "order"}))
	return err
}

func TestAnOrderIsSent(t *testing.T) {
	broker := bmqtest.Start(t)
	session, err := bmq.NewSession(t.Context(), func(sessionevents.SessionEvent) {}, bmq.WithBroker(broker.URI()))
	require.NoError(t, err)
	defer session.Close()

	require.NoError(t, sendOrder(t.Context(), session, "3 apples"))

	messages := broker.Messages(orders, "", 0, 10)
	require.Len(t, messages, 1)
	properties, payload, err := messages[0].Decode()
	require.NoError(t, err)
	require.Equal(t, "3 apples", string(payload))
	require.Equal(t, map[string]any{"kind": "order"}, properties)
}

// newClient returns a session with a broker, and the events it reported.
func newClient(t *testing.T, broker *bmqtest.Broker, opts ...bmq.Option) (*bmq.Session, <-chan sessionevents.SessionEvent) {
	t.Helper()
	events := make(chan sessionevents.SessionEvent, 100)
	opts = append([]bmq.Option{
		bmq.WithBroker(broker.URI()), bmq.WithDialer(broker.DialContext), bmq.WithEngine(bmq.EnginePortable), bmq.WithProcessName("shop"),
	}, opts...)
	session, err := bmq.NewSession(t.Context(), func(e sessionevents.SessionEvent) { events <- e }, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, session.Close()) })
	return session, events
}

// await returns when an event of a type came.
func await[T sessionevents.SessionEvent](t *testing.T, events <-chan sessionevents.SessionEvent) {
	t.Helper()
	for {
		select {
		case e := <-events:
			if _, ok := e.(T); ok {
				return
			}
		case <-time.After(time.Minute):
			require.Fail(t, "the event did not come")
		}
	}
}

func TestARefusedOpen(t *testing.T) {
	broker := bmqtest.Start(t)
	session, _ := newClient(t, broker)
	broker.Inject(bmqtest.Fault{
		On: bmqtest.Requesting, Request: bmqtest.OpenQueue, Queue: orders, Times: 1,
		Do: bmqtest.Refuse, Status: bmqtest.Status{Category: bmqtest.Refused, Message: "not now"},
	})
	require.ErrorContains(t, sendOrder(t.Context(), session, "3 apples"), "not now")
	require.NoError(t, sendOrder(t.Context(), session, "3 apples"))
}

func TestANack(t *testing.T) {
	broker := bmqtest.Start(t)
	session, _ := newClient(t, broker)
	fault := broker.Inject(bmqtest.Fault{
		On: bmqtest.Posting, Queue: orders, Do: bmqtest.Refuse, Ack: bmqtest.NackStorageFailure,
	})
	require.ErrorIs(t, sendOrder(t.Context(), session, "3 apples"), bmq.ErrStorageFailure)
	fault.Remove()
	require.NoError(t, sendOrder(t.Context(), session, "3 apples"))
	require.Equal(t, 1, fault.Hits())
}

func TestAFullQueue(t *testing.T) {
	broker := bmqtest.Start(t)
	session, _ := newClient(t, broker)
	domain, _ := broker.Domain("bmq.test.mem.priority")
	domain.QueueMessages = 1
	require.NoError(t, broker.SetDomain(domain))
	require.NoError(t, sendOrder(t.Context(), session, "1 apple"))
	require.NoError(t, sendOrder(t.Context(), session, "2 apples")) // one more than the limit, as in production
	require.ErrorIs(t, sendOrder(t.Context(), session, "3 apples"), bmq.ErrLimitMessages)
	domain.QueueMessages = 100
	require.NoError(t, broker.SetDomain(domain))
	require.NoError(t, sendOrder(t.Context(), session, "3 apples"))
}

func TestAnAckThatIsCutOff(t *testing.T) {
	broker := bmqtest.Start(t)
	session, events := newClient(t, broker)
	cut := broker.Inject(bmqtest.Fault{
		On: bmqtest.Sending, Event: bmqtest.EventAck, Times: 1, Do: bmqtest.Cut, Bytes: 10,
	})
	// The message is stored, the ack breaks off after ten bytes. The session connects again, sends the message
	// again, and the broker knows it.
	require.NoError(t, sendOrder(t.Context(), session, "3 apples"))
	await[sessionevents.Reconnected](t, events)
	require.Equal(t, 1, cut.Hits())
	queue, _ := broker.Queue(orders)
	require.EqualValues(t, 1, queue.Messages)
	require.EqualValues(t, 1, queue.Counters.Duplicates)
}

func TestABrokerThatIsAwayForAWhile(t *testing.T) {
	broker := bmqtest.Start(t)
	session, events := newClient(t, broker)
	require.NoError(t, sendOrder(t.Context(), session, "1 apple"))
	broker.Kill()
	await[sessionevents.ConnectionLost](t, events)
	sent := make(chan error, 1)
	go func() { sent <- sendOrder(t.Context(), session, "2 apples") }()
	require.NoError(t, broker.Restart(t.Context(), bmqtest.KeepAll)) // or KeepPersistent, or KeepNone
	await[sessionevents.StateRestored](t, events)
	require.NoError(t, <-sent)
	queue, _ := broker.Queue(orders)
	require.EqualValues(t, 2, queue.Messages)
}

func TestAcksThatAreLate(t *testing.T) {
	broker := bmqtest.Start(t)
	session, _ := newClient(t, broker)
	broker.HoldAcks(true)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, sendOrder(ctx, session, "3 apples"), context.DeadlineExceeded)
	broker.HoldAcks(false)
	require.NoError(t, session.Flush(t.Context()))
}

func TestARedelivery(t *testing.T) {
	broker := bmqtest.Start(t)
	received := make(chan *bmq.Message, 10)
	session, events := newClient(t, broker, bmq.WithOnMessage(func(m *bmq.Message, _ *bmq.MessageHandle) { received <- m }))
	require.NoError(t, session.OpenQueue(t.Context(), orders, bmq.WithRead()))
	producer, _ := newClient(t, broker, bmq.WithProcessName("producer"))
	require.NoError(t, sendOrder(t.Context(), producer, "3 apples"))
	first := <-received // and not confirmed
	broker.DropConnections("shop")
	await[sessionevents.StateRestored](t, events)
	require.Equal(t, first.GUID, (<-received).GUID)
	queue, _ := broker.Queue(orders)
	require.EqualValues(t, 1, queue.Counters.Redelivered)
	require.Equal(t, 1, queue.Apps[0].Unconfirmed)
}

func TestMessagesThatGetTooOld(t *testing.T) {
	broker := bmqtest.Start(t, bmqtest.WithDomain(bmqtest.Domain{Name: "bmq.test.mem.priority", MessageTTL: time.Hour}))
	session, _ := newClient(t, broker)
	require.NoError(t, sendOrder(t.Context(), session, "3 apples"))
	require.NoError(t, broker.Advance(2*time.Hour))
	queue, _ := broker.Queue(orders)
	require.Zero(t, queue.Messages)
	require.EqualValues(t, 1, queue.Counters.Expired)
}

func TestABrokerThatFallsSilentInTheMiddleOfAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := bmqtest.Start(t, bmqtest.WithInMemoryNetwork())
		session, events := newClient(t, broker)
		require.NoError(t, session.OpenQueue(t.Context(), orders, bmq.WithWrite()))
		stall := broker.Inject(bmqtest.Fault{
			On: bmqtest.Sending, Event: bmqtest.EventControl, Do: bmqtest.Stall, Bytes: 5, Times: 1,
		})
		start := time.Now()
		err := session.OpenQueue(t.Context(), orders+"2", bmq.WithWrite(), bmq.WithTimeout(30*time.Second))
		require.ErrorIs(t, err, bmq.ErrBrokerTimeout)
		require.Equal(t, 30*time.Second, time.Since(start)) // and yet the test takes no time
		stall.Remove()
		await[sessionevents.StateRestored](t, events)
	})
}

// snippet is a block of code in a document.
var snippet = regexp.MustCompile("(?s)```(go|python)\n(.*?)```")

func TestSnippetsOfTheDocumentationAreTested(t *testing.T) {
	doc, err := os.ReadFile("../docs/testing.md")
	require.NoError(t, err)
	tested := make(map[string]string)
	for language, file := range map[string]string{"go": "docs_test.go", "python": "../internal/interop/testdata/shop.py"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		tested[language] = unindented(string(text))
	}
	found := snippet.FindAllStringSubmatch(string(doc), -1)
	require.Greater(t, len(found), 10)
	for _, s := range found {
		require.Contains(t, tested[s[1]], unindented(s[2]))
	}
}

// unindented leaves the indentation away, so that the inside of a function is found.
func unindented(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(strings.TrimLeft(line, " \t"))
	}
	return out.String()
}
