package plan

import (
	"fmt"

	"github.com/bmq-go/bmq/bench/internal/brokers"
	"github.com/bmq-go/bmq/bench/internal/job"
)

const (
	kib = 1 << 10
	mib = 1 << 20

	// base is the payload of scenarios that are about something else.
	base = kib
)

var (
	everybody = []string{Portable, Native, Python, Tool, Floor, FloorOne}
	sdks      = []string{Portable, Native, Python}
	ours      = []string{Portable, Native}
)

// All returns the scenarios, in the order in which they run and are shown.
func All() []Scenario {
	var list []Scenario
	for _, part := range [][]Scenario{
		posting(), consuming(), latencies(), messages(), topologies(), ceilings(), growth(),
	} {
		list = append(list, part...)
	}
	return list
}

func priority(name string, j job.Job, clients ...string) Scenario {
	return Scenario{Name: name, Job: j, Domain: "bench.priority", Queues: 1, Readers: []string{""}, Clients: clients}
}

func sizeName(n int) string {
	switch {
	case n >= mib:
		return fmt.Sprintf("%dMiB", n/mib)
	case n >= kib:
		return fmt.Sprintf("%dKiB", n/kib)
	}
	return fmt.Sprintf("%dB", n)
}

var sizes = []int{16, 128, base, 16 * kib, 256 * kib, 4 * mib}

// posting is about posts with a callback each, in a plain loop, and in other ways.
func posting() (list []Scenario) {
	for _, size := range sizes {
		s := priority("post/"+sizeName(size), job.Job{Kind: job.Post, Size: size, Acks: true}, everybody...)
		s.Quick = size == base
		list = append(list, s)
	}
	return append(list,
		priority("post/1KiB/no-acks", job.Job{Kind: job.Post, Size: base}, ours...),
		priority("post/1KiB/batch-16", job.Job{Kind: job.Post, Size: base, Acks: true, Batch: 16}, ours...),
		priority("post/1KiB/batch-64", job.Job{Kind: job.Post, Size: base, Acks: true, Batch: FloorBatch}, Portable, Native, Tool),
		priority("post/1KiB/batch-128", job.Job{Kind: job.Post, Size: base, Acks: true, Batch: 128}, ours...),
	)
}

// consuming is about messages that wait in a queue: a handler confirms each.
func consuming() (list []Scenario) {
	for _, size := range sizes {
		s := priority("consume/"+sizeName(size), job.Job{Kind: job.Consume, Size: size},
			Portable, Borrowed, Native, Python, Tool, Floor)
		s.Quick = size == base
		list = append(list, s)
	}
	return list
}

// latencies are measured in one process that posts to a queue of its own.
func latencies() []Scenario {
	one := priority("latency/one-at-a-time", job.Job{Kind: job.PingPong, Size: base, Acks: true}, Portable, Native, Python, FloorOne)
	one.Quick = true
	most := priority("exchange/1KiB", job.Job{Kind: job.Exchange, Size: base, Acks: true}, Portable, Native, Python, FloorOne)
	list := []Scenario{one, most}
	for _, share := range []float64{0.1, 0.5, 0.8} {
		s := priority(fmt.Sprintf("latency/at-%.0f%%", share*100), job.Job{Kind: job.Paced, Size: base, Acks: true}, most.Clients...)
		s.Of, s.Share = most.Name, share
		list = append(list, s)
	}
	beside := priority("latency/at-half-of-c++", job.Job{Kind: job.Paced, Size: base, Acks: true}, Portable, Native, Tool)
	beside.Of, beside.Whose, beside.Share = "post/1KiB", Tool, 0.5
	list = append(list, beside)
	for _, rate := range []float64{1000, 5000} {
		list = append(list, priority(fmt.Sprintf("latency/at-%.0f-per-second", rate),
			job.Job{Kind: job.Paced, Size: base, Acks: true, Rate: rate}, most.Clients...))
	}
	return list
}

// messages are about what a message has besides its payload.
func messages() []Scenario {
	return []Scenario{
		priority("post/1KiB/4-properties", job.Job{Kind: job.Post, Size: base, Acks: true, Properties: 4}, sdks...),
		priority("post/1KiB/32-properties", job.Job{Kind: job.Post, Size: base, Acks: true, Properties: 32}, sdks...),
		priority("consume/1KiB/4-properties", job.Job{Kind: job.Consume, Size: base, Properties: 4}, sdks...),
		priority("consume/1KiB/32-properties", job.Job{Kind: job.Consume, Size: base, Properties: 32}, sdks...),
		priority("post/16KiB/zlib-text", job.Job{Kind: job.Post, Size: 16 * kib, Acks: true, Zlib: true, Text: true}, sdks...),
		priority("post/16KiB/zlib-noise", job.Job{Kind: job.Post, Size: 16 * kib, Acks: true, Zlib: true}, sdks...),
		priority("consume/16KiB/zlib-text", job.Job{Kind: job.Consume, Size: 16 * kib, Zlib: true, Text: true}, sdks...),
	}
}

// topologies are about how many there are. What is consumed counts for the rate.
func topologies() (list []Scenario) {
	for _, n := range []int{1, 10, 100} {
		s := priority(fmt.Sprintf("queues/%d", n), job.Job{Kind: job.Exchange, Size: base, Acks: true}, sdks...)
		s.Queues = n
		list = append(list, s)
	}
	fanout := Scenario{
		Name: "fanout/5", Job: job.Job{Kind: job.Exchange, Size: base, Acks: true, Copies: len(brokers.Apps)},
		Domain: "bench.fanout", Queues: 1, Readers: brokers.Apps, Clients: sdks,
	}
	broadcast := Scenario{
		Name: "broadcast/5", Job: job.Job{Kind: job.Exchange, Size: base, Acks: true, Copies: 5, Sessions: 5},
		Domain: "bench.broadcast", Queues: 1, Readers: []string{""}, Clients: sdks,
		Limit: 20_000, // broadcasts that are too fast for a consumer are dropped
	}
	return append(list, fanout, broadcast)
}

// ceilings are what clients can do where no broker is the limit.
func ceilings() (list []Scenario) {
	for _, size := range []int{128, base, 16 * kib, 64 * kib} {
		post := Scenario{
			Name: "null/post/" + sizeName(size), Job: job.Job{Kind: job.Post, Size: size, Acks: true}, Queues: 1,
			Clients: []string{Portable, Native, Floor}, Quick: size == 128 || size == 16*kib,
		}
		if size <= base {
			// Above, its connection waits for delayed acknowledgements of TCP most of the time.
			post.Clients = append(post.Clients, Python)
		}
		replay := Scenario{
			Name: "null/consume/" + sizeName(size), Job: job.Job{Kind: job.Consume, Size: size}, Queues: 1,
			Clients: []string{Portable, Borrowed, Native, Python, Floor},
		}
		list = append(list, post, replay)
	}
	return list
}

// growth is about sessions in one process.
func growth() (list []Scenario) {
	for _, n := range []int{1, 10, 100, 1000} {
		s := priority(fmt.Sprintf("sessions/%d", n), job.Job{Kind: job.Post, Size: base, Acks: true, Sessions: n}, Portable)
		list = append(list, s)
	}
	for _, n := range []int{10, 100, 1000} {
		s := priority(fmt.Sprintf("idle/%d", n), job.Job{Kind: job.Idle, Size: base, Sessions: n}, Portable)
		s.Limit = 1
		list = append(list, s)
	}
	return list
}
