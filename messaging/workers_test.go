package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/admin"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/proctest"
	"github.com/bmq-go/bmq/messaging"
)

const (
	jobs       = "bmq://bmq.test.mmap.priority/jobs"
	deadJobs   = "bmq://bmq.test.mmap.priority/dead-jobs"
	prefetch   = 5
	stuckAfter = 10 // jobs, after which a worker that is to be killed handles no more
)

// workerProgram handles jobs until it is told to end. It writes a line for each job that it
// handled.
func workerProgram() {
	broker, stuck := os.Args[1], len(os.Args) > 2
	ctx := context.Background()
	c, err := messaging.Dial(ctx, messaging.Config{Brokers: []string{broker}, Logger: quiet})
	if err != nil {
		panic(err)
	}
	handled := 0
	router := c.NewRouter(messaging.ConsumerConfig{
		Retry: messaging.RetryPolicy{MaxAttempts: 3, Start: 10 * time.Millisecond},
	})
	router.Handle(messaging.Queue{URI: jobs, DeadLetter: deadJobs, QoS: messaging.QoS{Messages: prefetch}},
		messaging.Handle(func(ctx context.Context, job string, _ *messaging.Delivery) error {
			if stuck && handled == stuckAfter {
				fmt.Println("stuck")
				<-ctx.Done()
			}
			if strings.HasPrefix(job, "poison") {
				return errors.New("it can't be digested")
			}
			handled++
			fmt.Println("handled", job)
			return nil
		}))
	fmt.Println("ready")
	if err := errors.Join(router.Run(ctx), c.Shutdown(ctx)); err != nil {
		panic(err)
	}
}

func TestWorkersLoseNothingThroughAKillAndARestart(t *testing.T) {
	onMortalBrokers(t, workersLoseNothing)
}

func workersLoseNothing(t *testing.T, broker *mortal) {
	c := dialed(t, broker.uri)
	p, err := c.NewProducer(t.Context(), messaging.ProducerConfig{Queue: jobs})
	require.NoError(t, err)
	var want []string
	publish := func(from, to int) (pending []*messaging.Pending) {
		for i := from; i < to; i++ {
			job := fmt.Sprint("job ", i)
			want = append(want, job)
			pending = append(pending, p.PublishAsync(t.Context(), job))
		}
		return append(pending, p.PublishAsync(t.Context(), fmt.Sprint("poison ", from)))
	}
	stored := func(pending []*messaging.Pending) {
		for _, f := range pending {
			_, err := f.Wait(t.Context())
			require.NoError(t, err)
		}
	}

	start := func(args ...string) *proctest.Process {
		w := proctest.Start(t, proctest.Program(t, "worker", append([]string{broker.uri}, args...)...))
		w.Await("ready")
		return w
	}
	workers := []*proctest.Process{start("stuck")}
	stored(publish(0, 100))
	workers[0].Await("stuck") // before the others can have it all
	workers = append(workers, start(), start())
	broker.awaitQueue(t, jobs, func(q admin.Queue) bool { return len(q.Apps) == 1 && q.Apps[0].Consumers == 3 })
	workers[0].Kill() // with up to five jobs in hand

	pending := publish(100, 200)
	broker.kill()
	require.NoError(t, broker.restart())
	stored(pending)
	stored(publish(200, 300))
	broker.awaitQueue(t, jobs, empty)

	handled := map[string]int{}
	for i, w := range workers {
		if i > 0 {
			w.Signal(syscall.SIGTERM)
			require.Zero(t, w.Exit())
		}
		for line := range strings.Lines(w.Stdout()) {
			if job, ok := strings.CutPrefix(strings.TrimSpace(line), "handled "); ok {
				handled[job]++
			}
		}
	}
	require.ElementsMatch(t, want, slices.Collect(maps.Keys(handled)), "each one was handled")
	again := 0
	for _, n := range handled {
		again += n - 1
	}
	// Each fault makes a worker's jobs in hand come again: those of the one that was killed,
	// and those of the two that saw the broker go.
	require.LessOrEqual(t, again, 3*prefetch)

	n := broker.awaitQueue(t, deadJobs, func(q admin.Queue) bool { return q.Messages >= 3 }).Messages // there may be duplicates among them
	letters, err := c.NewConsumer(t.Context(), messaging.ConsumerConfig{Queues: []messaging.Queue{{URI: deadJobs}}})
	require.NoError(t, err)
	poison := map[string]bool{}
	for d, err := range letters.DeliveriesUntil(t.Context(), messaging.Until{Limit: int(n)}) {
		require.NoError(t, err)
		job, err := messaging.Decode[string](d)
		require.NoError(t, err)
		poison[job] = true
		require.NoError(t, d.Ack())
	}
	require.Equal(t, map[string]bool{"poison 0": true, "poison 100": true, "poison 200": true}, poison)
}

func depth(broker *bmqtest.Broker, queue string) int64 {
	q, _ := broker.Queue(queue)
	return q.Messages
}
