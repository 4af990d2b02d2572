package broker

import (
	"fmt"
	"strings"
)

func (r *queueResult) print(s *strings.Builder) {
	s.WriteString("Queue Internals\n---------------\n")
	r.State.print(s)
	s.WriteString("    LocalQueue:\n    -----------\n")
	r.Queue.Local.Engine.Fanout.print(s)
}

func (q *queueState) print(s *strings.Builder) {
	fmt.Fprintf(s, "    State:\n    ------\n        URI ...............: %s\n        Handle Parameters .: %s\n        Stream Parameters .: %s\n",
		q.URI, q.HandleParameters, q.StreamParameters)
	fmt.Fprintf(s, "        Id/Key ............: primary ~ %s\n        PartitionId .......: %d\n        Storage ...........: %s messages, %s\n            Num virtual storages: %d\n",
		q.Key, q.Partition, prettyNumber(q.Storage.Messages), prettyBytes(q.Storage.Bytes), len(q.Storage.Apps))
	for _, a := range q.Storage.Apps {
		fmt.Fprintf(s, "            %s : [appKey: %s, numMessages: %s]\n", a.ID, a.Key, prettyNumber(a.Messages))
	}
	s.WriteString("        Capacity Meter ....:\n")
	q.Meter.print(s, "            ")
	fmt.Fprintf(s, "\n    QueueHandleCatalog:\n    -------------------\n            %d handles:\n", len(q.Handles))
	for i, h := range q.Handles {
		fmt.Fprintf(s, "                %d. %s\n                    Handle Parameters .....: %s\n                    IsClientClusterMember .: %t",
			i+1, h.Client, h.Parameters, h.IsClusterMember)
		for _, st := range h.SubStreams {
			st.print(s, "\n                    ")
		}
		if len(h.SubStreams) == 0 {
			s.WriteString("\n")
		}
	}
	s.WriteString("\n")
}

func (st *streamRow) print(s *strings.Builder, line string) {
	fmt.Fprintf(s, "%[1]ssubId .................: %[2]d%[1]sappId .................: %[3]s%[1]sStream Parameters .....: %[4]s%[1]sUnconfirmedMonitors ...:%[1]s    --------",
		line, st.ID, st.App, st.Parameters)
	for _, w := range st.Windows {
		fmt.Fprintf(s, " %s [Messages (%s): %s (%s - %s - %s), Bytes (%s): %s (%s - %s - %s)] ",
			w.State, w.MessagesState, prettyNumber(w.Messages),
			prettyNumber(w.MessagesLow*w.MaxMessages), prettyNumber(w.MessagesHigh*w.MaxMessages), prettyNumber(w.MaxMessages),
			w.BytesState, prettyBytes(w.Bytes), prettyBytes(w.BytesLow*w.MaxBytes), prettyBytes(w.BytesHigh*w.MaxBytes), prettyBytes(w.MaxBytes))
	}
	if st.Unconfirmed != nil {
		fmt.Fprintf(s, "%sUnconfirmedMessages ...: %s", line, prettyNumber(int64(*st.Unconfirmed)))
	}
	s.WriteString("\n")
}

// routerConsumer is a consumer in the order of turns. What there is of its handle is
// the client's name.
const routerConsumer = `                            [
                                priority = %d
                                queueHandle = [
                                    clientDescription = %q
                                    parametersJson = %q
                                    isClientClusterMember = %t
                                    subStreams = [
                                    ]
                                ]
                                count = %d
                                expression = %q
                            ]
`

func (e *engineInfo) print(s *strings.Builder) {
	fmt.Fprintf(s, "        FanoutQueueEngine (%s):\n        -----------------", e.Mode)
	if e.MaxConsumers != 0 {
		fmt.Fprintf(s, "\n             (maxConsumers: %d)", e.MaxConsumers)
	}
	width := 0
	for _, a := range e.Apps {
		width = max(width, len(a.ID))
	}
	for _, a := range e.Apps {
		fmt.Fprintf(s, "\n            %-*s: status=%s", width, a.ID, a.Status)
		if a.AtEnd != nil {
			fmt.Fprintf(s, ", StorageIter.atEnd=%t", *a.AtEnd)
		}
		fmt.Fprintf(s, "\n            %s\n                Consumers .........: %d\n                RedeliveryList ....: %d\n                RoundRobinRouter ..:\n",
			strings.Repeat("-", width), a.State.Consumers, a.State.Redelivery)
		s.WriteString("                    [\n                        consumers = [\n")
		for _, c := range a.State.Router.Consumers {
			fmt.Fprintf(s, routerConsumer, c.Priority, c.Handle.Client, c.Handle.Parameters, c.Handle.IsClusterMember, c.Count, c.Expression)
		}
		s.WriteString("                        ]\n                    ]\n")
	}
	s.WriteString("\n")
}
