package admin

import "context"

// Queue is a queue as it was at one moment.
type Queue struct {
	URI      string
	Messages int64 // that not every application has confirmed
	Bytes    int64
	Apps     []App
}

// App is one application of a queue. A queue without applications has one by the name
// of "__default".
type App struct {
	ID        string
	Messages  int64 // that it has not confirmed
	Consumers int
}

// Queue tells about a queue. An application in the URI makes no difference. A queue that
// the broker does not know is ErrNotFound.
func (c *Client) Queue(ctx context.Context, queueURI string) (Queue, error) {
	command, uri, err := queueCommand(queueURI)
	if err != nil {
		return Queue{}, err
	}
	var answer queueAnswer
	if err := c.ask(ctx, command+" INTERNALS", "queueInternals", &answer); err != nil {
		return Queue{}, err
	}
	q := Queue{URI: "bmq://" + uri.QualifiedDomain() + "/" + uri.Queue}
	answer.fill(&q)
	return q, nil
}

// queueAnswer is what concerns us of the state of a queue in JSON.
type queueAnswer struct {
	State struct {
		Storage struct {
			Messages int64 `json:"numMessages"`
			Bytes    int64 `json:"numBytes"`
			Apps     []struct {
				ID       string `json:"appId"`
				Messages int64  `json:"numMessages"`
			} `json:"virtualStorages"`
		} `json:"storage"`
	} `json:"state"`
	Queue struct {
		Local struct {
			Engine struct {
				Fanout struct {
					Consumers []struct {
						ID    string `json:"appId"`
						State struct {
							Consumers int `json:"numConsumers"`
						} `json:"appState"`
					} `json:"consumerStates"`
				} `json:"fanout"`
			} `json:"queueEngine"`
		} `json:"localQueue"`
	} `json:"queue"`
}

func (a *queueAnswer) fill(q *Queue) {
	storage := &a.State.Storage
	q.Messages, q.Bytes = storage.Messages, storage.Bytes
	for _, s := range storage.Apps {
		app := App{ID: s.ID, Messages: s.Messages}
		for _, state := range a.Queue.Local.Engine.Fanout.Consumers {
			if state.ID == s.ID {
				app.Consumers = state.State.Consumers
			}
		}
		q.Apps = append(q.Apps, app)
	}
}
