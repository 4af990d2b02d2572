package control

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/bmq-go/bmq/internal/broker"
)

// restartTimeout is how long clients may take to read what they were sent when the
// broker is restarted or stopped.
const restartTimeout = 5 * time.Second

func (a *api) routes() []route {
	return []route{
		{"GET /api/broker", "the broker: uri, running, its clock, whether ACKs are held", a.info},
		{"POST /api/stop", "stop: {kill} true drops connections without a word", a.stop},
		{"POST /api/restart", "start again: {keep} is persistent, all or none of the messages; {kill}", a.restart},
		{"POST /api/clock", "move the broker's clock: {advance} is a duration, 90s", a.clock},
		{"POST /api/acks", "keep back all ACKs: {hold} true, and send them: false", a.acks},
		{"POST /api/command", "run a command of the administration: {command}", a.command},
		{"GET /api/domains", "all domains, what is in them, and their configuration in the official schema", a.domains},
		{"GET /api/domains/{name}", "the configuration of a domain", a.domain},
		{"PUT /api/domains/{name}", "give a domain another configuration, or make one", a.putDomain},
		{"PATCH /api/domains/{name}", "change a part of it: a JSON merge patch", a.patchDomain},
		{"GET /api/queues", "all queues, with applications, consumers, windows and counters; ?uri= is for one", a.queues},
		{"GET /api/messages", "?uri= &app= &offset= &count=: the messages of a queue that are not confirmed", a.messages},
		{"GET /api/message", "?uri= &guid=: one message with its properties and its payload", a.message},
		{"POST /api/purge", "drop the messages of {queue}, of its {app} alone, or of all queues of {domain}", a.purge},
		{"GET /api/connections", "all connections", a.connections},
		{"DELETE /api/connections", "drop all connections; ?client= those of one process name", a.dropConnections},
		{"DELETE /api/connections/{id}", "drop one connection", a.dropConnection},
		{"GET /api/faults", "the faults at work", a.faults},
		{"POST /api/faults", "inject a fault", a.inject},
		{"DELETE /api/faults", "remove all faults", a.removeFaults},
		{"GET /api/faults/{id}", "one fault; ?wait= waits that long for it to strike", a.fault},
		{"DELETE /api/faults/{id}", "remove one fault", a.removeFault},
	}
}

func (a *api) info(*http.Request) (any, error) {
	b := a.broker
	return map[string]any{
		"uri": b.URI(), "running": b.Running(), "now": b.Clock().Now(), "started": b.Started(), "holdsAcks": b.HoldsAcks(),
	}, nil
}

func (a *api) stop(r *http.Request) (any, error) {
	var how struct{ Kill bool }
	if err := decode(r, &how); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), restartTimeout)
	defer cancel()
	if how.Kill {
		a.broker.Kill()
		return nil, nil
	}
	return nil, lateIsFine(ctx, a.broker.Stop(ctx))
}

// lateIsFine forgives that clients did not read in time what they were sent.
func lateIsFine(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (a *api) restart(r *http.Request) (any, error) {
	var how struct {
		Keep broker.Keep
		Kill bool
	}
	if err := decode(r, &how); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), restartTimeout)
	defer cancel()
	if how.Kill {
		a.broker.Kill()
	} else if err := a.broker.Stop(ctx); lateIsFine(ctx, err) != nil {
		return nil, err
	}
	return nil, a.broker.Restart(ctx, how.Keep)
}

func (a *api) clock(r *http.Request) (any, error) {
	var how struct{ Advance duration }
	if err := decode(r, &how); err != nil {
		return nil, err
	}
	if how.Advance == 0 {
		return nil, bad("advance has to be a duration, as 90s")
	}
	if err := a.broker.Clock().Advance(time.Duration(how.Advance)); err != nil {
		return nil, bad("%v", err)
	}
	return map[string]any{"now": a.broker.Clock().Now()}, nil
}

func (a *api) acks(r *http.Request) (any, error) {
	var how struct{ Hold *bool }
	if err := decode(r, &how); err != nil {
		return nil, err
	}
	if how.Hold == nil {
		return nil, bad("hold has to be true or false")
	}
	a.broker.HoldAcks(*how.Hold)
	return nil, nil
}

func (a *api) command(r *http.Request) (any, error) {
	var what struct{ Command string }
	if err := decode(r, &what); err != nil {
		return nil, err
	}
	return map[string]string{"text": a.broker.Admin(what.Command)}, nil
}

func (a *api) connections(*http.Request) (any, error) { return a.broker.Connections(), nil }

func (a *api) dropConnections(r *http.Request) (any, error) {
	return map[string]int{"dropped": a.broker.DropConnections(r.URL.Query().Get("client"))}, nil
}

func (a *api) dropConnection(r *http.Request) (any, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return nil, bad("a connection has a number, not %q", r.PathValue("id"))
	}
	if !a.broker.DropConnection(id) {
		return nil, notFound("there is no connection %d", id)
	}
	return map[string]int{"dropped": 1}, nil
}

// duration is a time.Duration that is a text in JSON, "1m30s".
type duration time.Duration

// MarshalText returns the duration as time.Duration prints it.
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what MarshalText returns.
func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = duration(v)
	return err
}
