package broker

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// This broker is the only node of its only cluster. What it stores is in one partition,
// which has no files.

// The node, as lists of clusters and states of them name it.
const (
	nodeName       = "localhost"
	nodeDataCenter = "UNSPECIFIED"
	selfNode       = "[" + nodeName + ", 0]"
)

func (b *Broker) runClusters(w words) (*result, error) {
	switch k := w.next(); strings.ToUpper(k) {
	case "LIST":
		return &result{ClusterList: &clustersResult{[]clusterInfo{{
			"local", b.config.Cluster, []nodeInfo{{nodeName, 0, nodeDataCenter}},
		}}}}, w.end()
	case "CLUSTER":
		return b.runCluster(w)
	case "":
		return nil, bad("CLUSTERS command must be followed by a subcommand.")
	default:
		return nil, bad("Invalid CLUSTERS subcommand: %s", k)
	}
}

func (b *Broker) runCluster(w words) (r *result, err error) {
	name := w.next()
	if name == "" {
		return nil, bad("CLUSTERS CLUSTER command must be followed by a cluster name.")
	}
	var action func() *result
	switch k := w.next(); strings.ToUpper(k) {
	case "STATUS":
		action = b.clusterStatus
	case "FORCE_GC_QUEUES":
		action = b.collectQueues
	case "STORAGE":
		action, err = b.storageCommand(&w)
	case "QUEUEHELPER":
		action = lacks("it has no helper that opens queues at other nodes")
	case "STATE":
		action, err = lacks("it elects nobody"), w.elector()
	case "":
		return nil, bad("CLUSTERS CLUSTER <name> must be followed by a subcommand.")
	default:
		return nil, bad("Invalid subcommand after CLUSTERS CLUSTER <name>: %s", k)
	}
	if err == nil {
		err = w.end()
	}
	switch {
	case err != nil:
		return nil, err
	case name != b.config.Cluster:
		return failed(fmt.Sprintf("cluster '%s' not found !", name)), nil
	}
	return action(), nil
}

// storageCommand is a command about what a cluster stores.
func (b *Broker) storageCommand(w *words) (action func() *result, err error) {
	switch k := w.next(); strings.ToUpper(k) {
	case "SUMMARY":
		return func() *result { return &result{StorageSummary: b.storageSummary()} }, nil
	case "DOMAIN":
		name := w.next()
		if name == "" {
			return nil, bad("The command CLUSTERS CLUSTER <name> STORAGE DOMAIN must be followed by a domain name.")
		}
		const command = "CLUSTERS CLUSTER <name> STORAGE DOMAIN <domain_name>"
		err := w.only("QUEUE_STATUS", "The command "+command+" must be followed by a subcommand.", "Invalid subcommand after "+command+": ")
		return func() *result {
			d := b.existing(name)
			if d == nil {
				return failed(fmt.Sprintf("Unknown domain '%s'", name))
			}
			return &result{StorageContent: &storageContent{d.storages(1)}}
		}, err
	case "PARTITION":
		return b.partitionCommand(w)
	case "REPLICATION":
		const command = "The command CLUSTERS CLUSTER <name> STORAGE REPLICATION"
		return lacks("it has nobody to replicate to"), w.tunable(tunables{
			missing: command + " must be followed by a subcommand.", wrong: "Invalid subcommand after CLUSTERS CLUSTER <name> STORAGE REPLICATION: ",
			set: command + " SET", get: command + " GET", all: true,
		})
	case "":
		return nil, bad("The command CLUSTERS CLUSTER <name> STORAGE must be followed by a subcommand.")
	default:
		return nil, bad("Invalid subcommand after CLUSTERS CLUSTER <name> STORAGE: %s", k)
	}
}

// partitionCommand is a command about a partition, of which there is one.
func (b *Broker) partitionCommand(w *words) (action func() *result, err error) {
	const command = "CLUSTERS CLUSTER <name> STORAGE PARTITION"
	text := w.next()
	if text == "" {
		return nil, bad("The command %s must be followed by a <partitionId>.", command)
	}
	id, err := strconv.ParseInt(text, 10, 32)
	switch {
	case strings.EqualFold(text, "ALL"):
		id = -1
	case err != nil:
		return nil, bad("Invalid <partitionId> in command %s <partitionId>: %s", command, text)
	}
	k := w.next()
	upper := strings.ToUpper(k)
	switch upper {
	case "ENABLE", "DISABLE", "SUMMARY", "ROLLOVER":
	case "":
		return nil, bad("The command %s <partitionId> must be followed by a subcommand.", command)
	default:
		return nil, bad("Invalid subcommand after %s <partitionId>: %s", command, k)
	}
	return func() *result {
		switch {
		case id > 0:
			return failed(fmt.Sprintf("Too high partitionId value: '%d'", id))
		case id < -1 || id < 0 && upper != "ROLLOVER": // which all can do at once
			return failed(fmt.Sprintf("Too low partitionId value: '%d'", id))
		case upper == "SUMMARY":
			return &result{StorageSummary: b.storageSummary()}
		}
		return lacks("its one partition has no files, and is always there")()
	}, nil
}

// elector takes the rest of a command about elections.
func (w *words) elector() error {
	const command = "CLUSTERS CLUSTER <name> STATE"
	if err := w.only("ELECTOR", "The command "+command+" must be followed by a subcommand.", "Invalid subcommand after "+command+": "); err != nil {
		return err
	}
	return w.tunable(tunables{
		missing: "The command " + command + " ELECTOR must be followed by a subcommand.", wrong: "Invalid subcommand after " + command + " ELECTOR: ",
		set: "The command " + command + " ELECTOR [SET|SET_ALL]", get: "The command " + command + " ELECTOR [GET|GET_ALL]", all: true,
	})
}

// tunables are the words of commands about parameters, of which this broker has none.
type tunables struct {
	missing, wrong, set, get string
	all                      bool // they can be for all nodes
}

// tunable takes the rest of a command about parameters.
func (w *words) tunable(t tunables) error {
	k := w.next()
	upper := strings.ToUpper(k)
	if t.all {
		upper = strings.TrimSuffix(upper, "_ALL")
	}
	switch upper {
	case "SET":
		if w.next() == "" {
			return bad("%s must be followed by a parameter name.", t.set)
		}
		if w.next() == "" {
			return bad("%s <parameter> must be followed by a new value for the parameter.", t.set)
		}
		return nil
	case "GET":
		if w.next() == "" {
			return bad("%s must be followed by a parameter name.", t.get)
		}
		return nil
	case "LIST_TUNABLES":
		return nil
	case "":
		return badCommand(t.missing)
	default:
		return badCommand(t.wrong + k)
	}
}

// lacks answers commands about what a broker on its own does not have.
func lacks(what string) func() *result {
	return func() *result { return failed("This broker is the only node of its cluster: " + what) }
}

// collectQueues gives up all queues that are not in use.
func (b *Broker) collectQueues() *result {
	for _, d := range b.allDomains() {
		d.mu.Lock()
		d.collect(func(*queue) bool { return false })
		d.mu.Unlock()
	}
	return succeeded()
}

// storageContent are the queues of something.
type storageContent struct {
	Storages []storageInfo `json:"storages,omitempty"`
}

type storageInfo struct {
	URI          string `json:"queueUri"`
	Key          string `json:"queueKey"`
	Partition    int    `json:"partitionId"`
	Messages     int64  `json:"numMessages"`
	Bytes        int64  `json:"numBytes"`
	IsPersistent bool   `json:"isPersistent"`
	InternalID   uint32 `json:"internalQueueId"`
}

// storages are the queues of a domain that store so many messages, the largest first.
func (d *domain) storages(atLeast int64) (list []storageInfo) {
	for _, q := range d.list() {
		info := q.info()
		if info.Messages < atLeast {
			continue
		}
		list = append(list, storageInfo{
			URI: q.uri, Key: appKey(q.uri), Messages: info.Messages, Bytes: info.Bytes, IsPersistent: d.config().Persistent,
		})
	}
	largestFirst(list)
	return list
}

func largestFirst(list []storageInfo) {
	slices.SortStableFunc(list, func(a, b storageInfo) int { return cmp.Compare(b.Bytes, a.Bytes) })
}

func (r *storageContent) print(s *strings.Builder, line string) {
	if len(r.Storages) > 0 {
		s.WriteString(line + " QueueKey    Partition    NumMsgs    NumBytes                QueueUri")
	}
	for _, q := range r.Storages {
		volatile := "  (non-persistent)"
		if q.IsPersistent {
			volatile = ""
		}
		fmt.Fprintf(s, "%s%s %7d      %8s  %10s    %s%s", line, q.Key, q.Partition, prettyNumber(q.Messages), prettyBytes(q.Bytes), q.URI, volatile)
	}
}

// statusResult is the state of a cluster.
type statusResult struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Self        string `json:"selfNodeDescription"`
	IsHealthy   bool   `json:"isHealthy"`
	Nodes       struct {
		Nodes []nodeStatus `json:"nodes"`
	} `json:"nodeStatuses"`
	Elector struct {
		State    string `json:"electorState"`
		Leader   string `json:"leaderNode"`
		Sequence struct {
			Term   uint64 `json:"electorTerm"`
			Number uint64 `json:"sequenceNumber"`
		} `json:"leaderMessageSequence"`
		Status string `json:"leaderStatus"`
	} `json:"electorInfo"`
	Partitions struct {
		Partitions []partitionStatus `json:"partitions"`
	} `json:"partitionsInfo"`
	Queues  storageContent `json:"queuesInfo"`
	Summary *storageResult `json:"clusterStorageSummary"`
}

type nodeStatus struct {
	Description string `json:"description"`
	Status      string `json:"status"`
	PrimaryFor  []int  `json:"primaryForPartitionIds"`
}

type partitionStatus struct {
	Mapped  int    `json:"numQueuesMapped"`
	Active  int    `json:"numActiveQueues"`
	Primary string `json:"primaryNode"`
	LeaseID uint32 `json:"primaryLeaseId"`
	Status  string `json:"primaryStatus"`
}

// storageResult is what a cluster stores.
type storageResult struct {
	Location string      `json:"clusterFileStoreLocation"`
	Stores   []fileStore `json:"fileStores"`
}

type fileStore struct {
	Partition int    `json:"partitionId"`
	State     string `json:"state"`
	Summary   struct {
		Primary     string `json:"primaryNodeDescription"`
		LeaseID     uint32 `json:"primaryLeaseId"`
		Sequence    uint64 `json:"sequenceNum"`
		IsAvailable bool   `json:"isAvailable"`
		Active      struct {
			Data    fileInfo `json:"dataFile"`
			Journal fileInfo `json:"journalFile"`
			Qlist   fileInfo `json:"qlistFile"`
		} `json:"activeFileSet"`
		Mapped      uint64         `json:"totalMappedBytes"`
		Records     uint32         `json:"numOutstandingRecords"`
		Unreceipted uint32         `json:"numUnreceiptedMessages"`
		Nagle       uint32         `json:"naglePacketCount"`
		Content     storageContent `json:"storageContent"`
	} `json:"summary"`
}

// fileInfo is a file, of which there is none here.
type fileInfo struct {
	Position    uint64 `json:"positionBytes"`
	Size        uint64 `json:"sizeBytes"`
	Outstanding uint64 `json:"outstandingBytes"`
}

// term is that of the only election there was.
const term = 1

func (b *Broker) storageSummary() *storageResult {
	store := fileStore{State: "open"}
	store.Summary.Primary, store.Summary.LeaseID, store.Summary.IsAvailable = selfNode, term, true
	for _, d := range b.allDomains() {
		store.Summary.Content.Storages = append(store.Summary.Content.Storages, d.storages(0)...)
	}
	largestFirst(store.Summary.Content.Storages)
	return &storageResult{Stores: []fileStore{store}}
}

func (b *Broker) clusterStatus() *result {
	r := &statusResult{
		Name: b.config.Cluster, Description: "Cluster (" + b.config.Cluster + ")", Self: selfNode, IsHealthy: b.Running(), Summary: b.storageSummary(),
	}
	r.Nodes.Nodes = []nodeStatus{{selfNode, "E_AVAILABLE", []int{0}}}
	r.Elector.State, r.Elector.Leader, r.Elector.Status, r.Elector.Sequence.Term = "LEADER", selfNode, "ACTIVE", term
	active := 0
	for _, q := range b.Queues() {
		r.Queues.Storages = append(r.Queues.Storages, storageInfo{URI: q.URI, Key: appKey(q.URI), InternalID: ownQueueID})
		if q.Producers+q.Consumers > 0 {
			active++
		}
	}
	r.Partitions.Partitions = []partitionStatus{{len(r.Queues.Storages), active, selfNode, term, "ACTIVE"}}
	return &result{ClusterStatus: r}
}

func (r *statusResult) print(s *strings.Builder) {
	health := "No"
	if r.IsHealthy {
		health = "Yes"
	}
	fmt.Fprintf(s, "Cluster ('%s') :\n--------------%s\n    Cluster name  : %s\n    Cluster size  : %d node(s)\n    Self Node     : %s\n    Is Healthy    : %s\n\n    Nodes\n    -----",
		r.Name, strings.Repeat("-", len(r.Name)), r.Description, len(r.Nodes.Nodes), r.Self, health)
	for _, n := range r.Nodes.Nodes {
		fmt.Fprintf(s, "\n    %s\n        IsConnected: self\n        Node Status: %s\n        Primary for partitions: [ %s ]",
			n.Description, n.Status, strings.Trim(strings.ReplaceAll(fmt.Sprint(n.PrimaryFor), " ", ", "), "[]"))
	}
	e := &r.Elector
	fmt.Fprintf(s, "\n\n    Elector\n    -------\n    Self State            : %s\n    Leader Node           : %s\n    LSN: [ electorTerm = %d sequenceNumber = %d ]\n    Leader Status         : %s\n\n    Partitions\n    ----------",
		e.State, e.Leader, e.Sequence.Term, e.Sequence.Number, e.Status)
	for i, p := range r.Partitions.Partitions {
		fmt.Fprintf(s, "\n    PartitionId: %d\n        Num Queues    : mapped (%d), active (%d)\n        Primary Node   : %s\n        Primary LeaseId: %d\n        Primary Status : %s",
			i, p.Mapped, p.Active, p.Primary, p.LeaseID, p.Status)
	}
	fmt.Fprintf(s, "\n\n    Queues\n    ------\n    Num Queues: %d", len(r.Queues.Storages))
	if len(r.Queues.Storages) > 0 {
		s.WriteString("\n     QueueKey    Partition    Internal QueueId          QueueUri")
	}
	for _, q := range r.Queues.Storages {
		fmt.Fprintf(s, "\n    %s       %d              PRIMARY       %s", q.Key, q.Partition, q.URI)
	}
	s.WriteString("\n\n")
	r.Summary.print(s, "    ")
}

func (r *storageResult) print(s *strings.Builder, indent string) {
	fmt.Fprintf(s, "%[1]sStorage Summary:\n%[1]s----------------\n%[1]s    Storage location: %[2]s\n\n", indent, r.Location)
	for _, f := range r.Stores {
		m := &f.Summary
		fmt.Fprintf(s, "%[1]s    Partition [%[2]d]:\n%[1]s    ----------------\n%[1]s        Primary Node: %[3]s, PSN: [ primaryLeaseId = %[4]d sequenceNumber = %[5]d]\n"+
			"%[1]s        IsAvailable: %[6]t\n%[1]s        Total maintained file sets: 0\n\n%[1]s        Aliased payload count: \n\n%[1]s        Active file set details: ",
			indent, f.Partition, m.Primary, m.LeaseID, m.Sequence, m.IsAvailable)
		fmt.Fprintf(s, "\n%[1]s            Data file size    (used/total): %[2]s\n%[1]s            Journal file size (used/total): %[3]s\n%[1]s            \n",
			indent, &m.Active.Data, &m.Active.Journal)
		fmt.Fprintf(s, "\n%[1]s        Total mapped size      : %[2]s\n%[1]s        Num outstanding records: %[3]s\n%[1]s        Num unreceipted messages: %[4]s\n%[1]s        Current Nagle count: %[5]s\n",
			indent, prettyBytes(int64(m.Mapped)), prettyNumber(int64(m.Records)), prettyNumber(int64(m.Unreceipted)), prettyNumber(int64(m.Nagle)))
		fmt.Fprintf(s, "\n%s        Number of assigned queue-storages: %s", indent, prettyNumber(int64(len(m.Content.Storages))))
		m.Content.print(s, "\n"+indent+"            ")
		s.WriteString("\n")
	}
}

// String prints how much of a file is used.
func (f *fileInfo) String() string {
	return fmt.Sprintf("%s / %s  (0 %%). Outstanding bytes: %s", prettyBytes(int64(f.Position)), prettyBytes(int64(f.Size)), prettyNumber(int64(f.Outstanding)))
}
