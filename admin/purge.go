package admin

import "context"

// Purged tells what a purge removed.
type Purged struct {
	Messages int64
	Bytes    int64
	Queues   []PurgedQueue // what it was about
}

// PurgedQueue is the part of one queue.
type PurgedQueue struct {
	URI      string
	AppID    string // empty: the whole queue
	Messages int64
	Bytes    int64
}

// PurgeQueue removes the messages that wait in a queue, those that consumers hold
// unconfirmed among them; the copies that consumers have stay where they are. A URI with
// an application, "bmq://domain/queue?id=app", removes them for that application alone.
// A queue that the broker does not know is ErrNotFound.
func (c *Client) PurgeQueue(ctx context.Context, queueURI string) (Purged, error) {
	command, uri, err := queueCommand(queueURI)
	if err != nil {
		return Purged{}, err
	}
	app := uri.AppID
	if app == "" {
		app = "*"
	}
	return c.purge(ctx, command+" PURGE "+app)
}

// PurgeDomain does what PurgeQueue does for all queues of a domain.
func (c *Client) PurgeDomain(ctx context.Context, domain string) (Purged, error) {
	command, err := domainCommand(domain)
	if err != nil {
		return Purged{}, err
	}
	return c.purge(ctx, command+" PURGE")
}

func (c *Client) purge(ctx context.Context, command string) (Purged, error) {
	var answer struct {
		Queues []struct {
			Queue *struct {
				URI      string `json:"queueUri"`
				AppID    string `json:"appId"`
				Messages int64  `json:"numMessagesPurged"`
				Bytes    int64  `json:"numBytesPurged"`
			} `json:"queue"`
			Error *struct {
				Message string `json:"message"`
			} `json:"error"`
		} `json:"queues"`
	}
	var p Purged
	if err := c.ask(ctx, command, "purgedQueues", &answer); err != nil {
		return Purged{}, err
	}
	for _, q := range answer.Queues {
		switch {
		case q.Queue != nil:
			p.add(PurgedQueue{URI: q.Queue.URI, AppID: q.Queue.AppID, Messages: q.Queue.Messages, Bytes: q.Queue.Bytes})
		case q.Error != nil:
			return p, &CommandError{Command: command, Text: q.Error.Message}
		}
	}
	return p, nil
}

func (p *Purged) add(q PurgedQueue) {
	p.Queues = append(p.Queues, q)
	p.Messages += q.Messages
	p.Bytes += q.Bytes
}
