package broker

import (
	"encoding/json"
	"strconv"
	"strings"
)

// word is a choice in the schema of commands that has nothing to say but itself.
type word *struct{}

// commandSchema is a command in the official schema, as far as there is one in this
// broker. Exactly one of its choices, and of theirs, is to be there.
type commandSchema struct {
	Help    *struct{ Plumbing bool }
	Domains *struct {
		Domain *struct {
			Name    string
			Command struct {
				Purge, Info word
				Queue       *struct {
					Name    string
					Command struct {
						PurgeAppID *string
						Internals  word
						Messages   *struct {
							AppID         *string
							Offset, Count int
						}
					}
				}
			}
		}
		Resolver    *struct{ ClearCache cacheSchema }
		Reconfigure *struct{ Domain string }
		Remove      *struct {
			Domain   string
			Finalize bool
		}
	}
	ConfigProvider *struct{ ClearCache cacheSchema }
	Stat           *struct{ Show, ListTunables word }
	BrokerConfig   *struct{ Dump word }
	Clusters       *struct {
		List    word
		Cluster *struct {
			Name    string
			Command struct {
				Status, QueueHelper, ForceGcQueues word
				Storage                            *struct {
					Summary   word
					Domain    *struct{ Name string }
					Partition *struct {
						PartitionID int
						Command     struct{ Enable, Disable, Summary, Rollover word }
					}
				}
			}
		}
	}
	Encoding string
}

type cacheSchema struct {
	Domain string
	All    word
}

// wordsOf returns the words of a command in JSON.
func wordsOf(text string) (words, error) {
	var c commandSchema
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return nil, bad("Error decoding JSON command [rc: -1, error: '%v']", err)
	}
	w := c.words()
	if len(w) == 0 {
		return nil, bad("Error decoding JSON command [rc: -1, error: 'it has no command that is known']")
	}
	if c.Encoding != "" {
		w = append(words{"ENCODING", c.Encoding}, w...)
	}
	return w, nil
}

func (c *commandSchema) words() words {
	switch {
	case c.Help != nil && c.Help.Plumbing:
		return words{"HELP", "PLUMBING"}
	case c.Help != nil:
		return words{"HELP"}
	case c.Domains != nil:
		return c.domains()
	case c.ConfigProvider != nil:
		return append(words{"CONFIGPROVIDER"}, c.ConfigProvider.ClearCache.words()...)
	case c.Stat != nil && c.Stat.Show != nil:
		return words{"STAT", "SHOW"}
	case c.Stat != nil:
		return words{"STAT", "LIST_TUNABLES"}
	case c.BrokerConfig != nil:
		return words{"BROKERCONFIG", "DUMP"}
	case c.Clusters != nil:
		return c.clusters()
	}
	return nil
}

func (c *cacheSchema) words() words {
	if c.All != nil {
		return words{"CACHE_CLEAR", "ALL"}
	}
	return words{"CACHE_CLEAR", c.Domain}
}

func (c *commandSchema) domains() words {
	switch d := c.Domains; {
	case d.Resolver != nil:
		return append(words{"DOMAINS", "RESOLVER"}, d.Resolver.ClearCache.words()...)
	case d.Reconfigure != nil:
		return words{"DOMAINS", "RECONFIGURE", d.Reconfigure.Domain}
	case d.Remove != nil && d.Remove.Finalize:
		return words{"DOMAINS", "REMOVE", d.Remove.Domain, "FINALIZE"}
	case d.Remove != nil:
		return words{"DOMAINS", "REMOVE", d.Remove.Domain}
	case d.Domain == nil:
		return nil
	}
	w, command := words{"DOMAINS", "DOMAIN", c.Domains.Domain.Name}, &c.Domains.Domain.Command
	switch {
	case command.Purge != nil:
		return append(w, "PURGE")
	case command.Info != nil:
		return append(w, "INFOS")
	case command.Queue == nil:
		return w
	}
	w = append(w, "QUEUE", command.Queue.Name)
	switch q := &command.Queue.Command; {
	case q.PurgeAppID != nil:
		return append(w, "PURGE", *q.PurgeAppID)
	case q.Internals != nil:
		return append(w, "INTERNALS")
	case q.Messages != nil:
		w = append(w, "LIST")
		if app := q.Messages.AppID; app != nil && *app != "" {
			w = append(w, *app)
		}
		return append(w, strconv.Itoa(q.Messages.Offset), strconv.Itoa(q.Messages.Count))
	}
	return w
}

func (c *commandSchema) clusters() words {
	if c.Clusters.Cluster == nil {
		return words{"CLUSTERS", "LIST"}
	}
	w := words{"CLUSTERS", "CLUSTER", c.Clusters.Cluster.Name}
	switch command := &c.Clusters.Cluster.Command; {
	case command.Status != nil:
		return append(w, "STATUS")
	case command.QueueHelper != nil:
		return append(w, "QUEUEHELPER")
	case command.ForceGcQueues != nil:
		return append(w, "FORCE_GC_QUEUES")
	case command.Storage == nil:
		return append(w, "STATE", "ELECTOR", "LIST_TUNABLES") // one is as good as the other
	case command.Storage.Summary != nil:
		return append(w, "STORAGE", "SUMMARY")
	case command.Storage.Domain != nil:
		return append(w, "STORAGE", "DOMAIN", command.Storage.Domain.Name, "QUEUE_STATUS")
	case command.Storage.Partition == nil:
		return append(w, "STORAGE", "REPLICATION", "LIST_TUNABLES") // one is as good as the other
	}
	p := c.Clusters.Cluster.Command.Storage.Partition
	w = append(w, "STORAGE", "PARTITION", strconv.Itoa(p.PartitionID))
	switch {
	case p.Command.Enable != nil:
		return append(w, "ENABLE")
	case p.Command.Disable != nil:
		return append(w, "DISABLE")
	case p.Command.Rollover != nil:
		return append(w, "ROLLOVER")
	}
	return append(w, "SUMMARY")
}

// isJSON tells whether a command is one in JSON.
func isJSON(text string) bool { return strings.HasPrefix(text, "{") }
