package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bench/internal/brokers"
	"github.com/bmq-go/bmq/bench/internal/client"
	"github.com/bmq-go/bmq/bench/internal/job"
	"github.com/bmq-go/bmq/bench/internal/plan"
)

// jobs are what clients were given.
type jobs []string

// fake is a client that does 10,000 messages per second.
func (l *jobs) fake(name string, fails int) *client.Client {
	return client.New(name, func(_ context.Context, j *job.Job) (*job.Result, error) {
		*l = append(*l, fmt.Sprintf("%s %s %d %.0f", name, j.Kind, j.N, j.Rate))
		if fails--; fails == 0 {
			return nil, errors.New("it broke")
		}
		return &job.Result{Messages: j.N, Seconds: float64(j.N) / 10_000}, nil
	})
}

func runner(clients ...*client.Client) *Runner {
	none := &brokers.Broker{Name: "null"}
	return &Runner{Broker: none, Null: none, Clients: clients, Rounds: 2, Time: 100 * time.Millisecond, Log: io.Discard}
}

var scenarios = []plan.Scenario{
	{Name: "post", Job: job.Job{Kind: job.Post, Size: 10}, Domain: "d", Clients: []string{"portable", "python"}},
	{Name: "half", Job: job.Job{Kind: job.Paced, Size: 10}, Domain: "d", Clients: []string{"portable"}, Of: "post", Share: 0.5},
}

func TestRoundsAreInterleavedAndClientsTakeTurns(t *testing.T) {
	var did jobs
	r := runner(did.fake("portable", -1), did.fake("python", -1), did.fake("c++", -1))
	require.NoError(t, r.Run(t.Context(), scenarios))
	require.Equal(t, jobs{
		"portable post 2000 0", "portable post 1000 0", // how many it takes, then the measurement
		"python post 2000 0", "python post 1000 0",
		"portable paced 1000 5000",
		"python post 1000 0", "portable post 1000 0", // the other way round
		"portable paced 1000 5000",
	}, did)
	require.Len(t, r.Samples, 6)
	require.Equal(t, 2, r.Samples[5].Round)
	require.Empty(t, r.LeftOut())
}

func TestRateMayBeThatOfOneClientForAll(t *testing.T) {
	var did jobs
	list := []plan.Scenario{
		{Name: "post", Job: job.Job{Kind: job.Post, Size: 10}, Domain: "d", Clients: []string{"python"}},
		{Name: "half", Job: job.Job{Kind: job.Paced, Size: 10}, Domain: "d", Clients: []string{"portable"}, Of: "post", Whose: "python", Share: 0.5},
	}
	r := runner(did.fake("portable", -1), did.fake("python", -1))
	r.Rounds = 1
	require.NoError(t, r.Run(t.Context(), list))
	require.Equal(t, jobs{"python post 2000 0", "python post 1000 0", "portable paced 1000 5000"}, did)
	r = runner(did.fake("portable", -1))
	require.NoError(t, r.Run(t.Context(), list))
	require.Equal(t, []string{"half with portable: there is no rate of post with python to go by"}, r.LeftOut())
}

func TestClientThatFailsIsLeftOutOfThatScenario(t *testing.T) {
	var did jobs
	r := runner(did.fake("portable", 2), did.fake("python", -1))
	require.NoError(t, r.Run(t.Context(), scenarios))
	require.Equal(t, []string{"python"}, r.Samples.Clients("post"))
	require.Len(t, r.LeftOut(), 2, "and out of what is built on it")
	require.Equal(t, 1, r.Samples[1].Round-r.Samples[0].Round)
}

func TestQueuesAreFilledForConsumersWhoeverIsCompared(t *testing.T) {
	var did jobs
	r := runner(did.fake("python", -1))
	r.Producer, r.Rounds = did.fake("producer", -1), 1
	require.NoError(t, r.Run(t.Context(), []plan.Scenario{
		{Name: "consume", Job: job.Job{Kind: job.Consume, Size: 10}, Domain: "d", Queues: 1, Clients: []string{"python"}},
	}))
	require.Empty(t, r.LeftOut())
	require.Equal(t, jobs{
		"producer post 2000 0", "python consume 2000 0",
		"producer post 3000 0", "python consume 3000 0",
	}, did)
}

func TestQueuesAreNamedAfterTheScenario(t *testing.T) {
	r := runner()
	j := job.Job{Kind: job.Exchange}
	uris := r.queues(&plan.Scenario{Domain: "d", Queues: 2, Readers: []string{"a", "b"}}, &j)
	require.Equal(t, []string{"bmq://d/q0-0", "bmq://d/q0-1"}, uris)
	require.Equal(t, uris, j.Write)
	require.Equal(t, []string{"bmq://d/q0-0?id=a", "bmq://d/q0-0?id=b", "bmq://d/q0-1?id=a", "bmq://d/q0-1?id=b"}, j.Read)
	j = job.Job{Kind: job.Consume, N: 7, Size: 3}
	r.queues(&plan.Scenario{Queues: 1}, &j)
	require.Empty(t, j.Write)
	require.Equal(t, []string{"bmq://bench.null/replay-7-3"}, j.Read)
}
