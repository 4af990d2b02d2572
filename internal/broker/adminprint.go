package broker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// prettyBytes prints a size in the largest unit of which there is one.
func prettyBytes(n int64) string {
	units := []string{" B", "KB", "MB", "GB", "TB", "PB"}
	v, unit := float64(n), 0
	for v >= 1024 && unit < len(units)-1 {
		v /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d %s", n, units[0])
	}
	return fmt.Sprintf("%.2f %s", v, units[unit])
}

// prettyNumber prints a number in groups of three digits.
func prettyNumber(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// text prints an answer in the form that the official broker has for people.
func (r *result) text() string {
	var s strings.Builder
	switch {
	case r.Error != nil:
		return r.Error.Message
	case r.Success != nil:
		return "SUCCESS"
	case r.Help != nil:
		r.Help.print(&s)
	case r.DomainInfo != nil:
		r.DomainInfo.print(&s)
	case r.PurgedQueues != nil:
		r.PurgedQueues.print(&s)
	case r.QueueInternals != nil:
		r.QueueInternals.print(&s)
	case r.QueueContents != nil:
		r.QueueContents.print(&s)
	case r.Stats != nil:
		r.Stats.print(&s)
	case r.ClusterList != nil:
		r.ClusterList.print(&s)
	case r.ClusterStatus != nil:
		r.ClusterStatus.print(&s)
	case r.StorageContent != nil:
		r.StorageContent.print(&s, "\n")
	case r.StorageSummary != nil:
		r.StorageSummary.print(&s, "")
	case r.BrokerConfig != nil:
		return r.BrokerConfig.Text
	}
	return s.String()
}

func (r *helpResult) print(s *strings.Builder) {
	indent, between := "    ", "\n        "
	if r.IsPlumbing {
		indent, between = "", " - "
	} else {
		s.WriteString("This process responds to the following CMD subcommands:\n")
	}
	for _, c := range r.Commands {
		s.WriteString(indent + c.Command + between + c.Description + "\n")
	}
}

func (m *meterInfo) print(s *strings.Builder, indent string) {
	fmt.Fprintf(s, "%s%s:\n%s    Messages: [current: %s, limit: %s]\n%s    Bytes   : [current: %s, limit: %s]\n",
		indent, m.Name, indent, prettyNumber(m.Messages), prettyNumber(m.MaxMessages), indent, prettyBytes(m.Bytes), prettyBytes(m.MaxBytes))
	if m.Parent != nil {
		m.Parent.print(s, indent)
	}
}

func (r *domainResult) print(s *strings.Builder) {
	fmt.Fprintf(s, "Domain:\n-------\n    Name ............: %s\n    Config ..........:\n%s\n    Cluster .........: %s\n    Capacity Meter ..: \n",
		r.Name, r.Config, r.Cluster)
	r.Meter.print(s, "        ")
	fmt.Fprintf(s, "    Queues ..........: \n    ------------------\n        ActiveQueues ..: %d\n", len(r.Queues))
	for i, uri := range r.Queues {
		fmt.Fprintf(s, "         %3d. %s\n", i, uri)
	}
	fmt.Fprintf(s, "\nStorage .......\n    Number of assigned queue-storages: %d", len(r.Contents.Storages))
	r.Contents.print(s, "\n        ")
}

func (r *purgeResult) print(s *strings.Builder) {
	if len(r.Queues) == 0 {
		s.WriteString("No queue purged.")
		return
	}
	var rows, errors strings.Builder
	var messages, bytes int64
	slices.SortStableFunc(r.Queues, func(a, b purged) int { return cmp.Compare(b.bytes(), a.bytes()) })
	for _, p := range r.Queues {
		if p.Error != nil {
			errors.WriteString("\n" + p.Error.Message)
			continue
		}
		q := p.Queue
		messages, bytes = messages+q.Messages, bytes+q.Bytes
		fmt.Fprintf(&rows, "\n  %10s  %10s  %s  %16s  %s", prettyBytes(q.Bytes), prettyNumber(q.Messages), q.Key, q.App, q.URI)
	}
	fmt.Fprintf(s, "Purged %s message(s) for a total of %s from %d queue(s):\n    NumBytes     NumMsgs      AppKey             AppId  QueueName%s",
		prettyNumber(messages), prettyBytes(bytes), len(r.Queues), rows.String())
	if errors.Len() > 0 {
		s.WriteString("\nErrors encountered: " + errors.String())
	}
}

func (p *purged) bytes() int64 {
	if p.Queue == nil {
		return 0
	}
	return p.Queue.Bytes
}

func (r *contentsResult) print(s *strings.Builder) {
	var rows strings.Builder
	var bytes int64
	for i, m := range r.Messages {
		bytes += int64(m.Size)
		fmt.Fprintf(&rows, "%5d: %s  %10s  %s\n", r.Offset+i, m.GUID, prettyBytes(int64(m.Size)), m.printed)
	}
	last := min(r.Offset+len(r.Messages), r.Total) - 1
	fmt.Fprintf(s, "Printing %d message(s) [%d-%d / %s] (total: %s)\n       GUID                              Size        Timestamp (UTC)\n%s",
		len(r.Messages), r.Offset, last, prettyNumber(int64(r.Total)), prettyBytes(bytes), rows.String())
}

func (r *clustersResult) print(s *strings.Builder) {
	s.WriteString("The following clusters are active:")
	for _, c := range r.Clusters {
		fmt.Fprintf(s, "\n    [%-6s] %s:", strings.ToUpper(c.Locality), c.Name)
		for _, n := range c.Nodes {
			fmt.Fprintf(s, "\n        %-20s%-7d%-14s", n.HostName, n.ID, n.DataCenter)
		}
		s.WriteString("\n")
	}
}
