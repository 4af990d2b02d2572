package broker

// result is what a command comes to. It has the form and the names of the official
// broker's answers in JSON, as far as they say something about a broker without disk
// and cluster; exactly one member is there.
type result struct {
	Error          *failure        `json:"error,omitempty"`
	Success        *struct{}       `json:"success,omitempty"`
	Help           *helpResult     `json:"help,omitempty"`
	DomainInfo     *domainResult   `json:"domainInfo,omitempty"`
	PurgedQueues   *purgeResult    `json:"purgedQueues,omitempty"`
	QueueInternals *queueResult    `json:"queueInternals,omitempty"`
	QueueContents  *contentsResult `json:"queueContents,omitempty"`
	Stats          *statsResult    `json:"stats,omitempty"`
	ClusterList    *clustersResult `json:"clusterList,omitempty"`
	ClusterStatus  *statusResult   `json:"clusterStatus,omitempty"`
	StorageContent *storageContent `json:"storageContent,omitempty"`
	StorageSummary *storageResult  `json:"clusterStorageSummary,omitempty"`
	BrokerConfig   *configResult   `json:"brokerConfig,omitempty"`
}

type failure struct {
	Message string `json:"message"`
}

func failed(message string) *result { return &result{Error: &failure{message}} }

func succeeded() *result { return &result{Success: &struct{}{}} }

type helpResult struct {
	Commands   []helpLine `json:"commands"`
	IsPlumbing bool       `json:"isPlumbing"` // one line for each, for programs
}

type helpLine struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

type domainResult struct {
	Name     string         `json:"name"`
	Config   string         `json:"configJson"`
	Cluster  string         `json:"clusterName"`
	Meter    *meterInfo     `json:"capacityMeter"`
	Queues   []string       `json:"queueUris,omitempty"`
	Contents storageContent `json:"storageContent"`
}

// meterInfo says how full a queue or a domain is.
type meterInfo struct {
	Name             string     `json:"name"`
	IsDisabled       bool       `json:"isDisabled"`
	Messages         int64      `json:"numMessages"`
	MaxMessages      int64      `json:"messageCapacity"`
	ReservedMessages int64      `json:"numMessagesReserved"`
	Bytes            int64      `json:"numBytes"`
	MaxBytes         int64      `json:"byteCapacity"`
	ReservedBytes    int64      `json:"numBytesReserved"`
	Parent           *meterInfo `json:"parent,omitempty"`
}

type purgeResult struct {
	Queues []purged `json:"queues,omitempty"`
}

// purged is one queue that was, or could not be, purged.
type purged struct {
	Error *failure    `json:"error,omitempty"`
	Queue *purgedInfo `json:"queue,omitempty"`
}

type purgedInfo struct {
	URI      string `json:"queueUri"`
	App      string `json:"appId"`
	Key      string `json:"appKey"`
	Messages int64  `json:"numMessagesPurged"`
	Bytes    int64  `json:"numBytesPurged"`
}

type contentsResult struct {
	Messages []contentsLine `json:"messages,omitempty"`
	Offset   int            `json:"offset"`
	Total    int            `json:"totalQueueMessages"`
}

type contentsLine struct {
	GUID    string `json:"guid"`
	Size    int    `json:"sizeBytes"`
	Arrived string `json:"arrivalTimestamp"`
	printed string // the same time as text has it
}

type clustersResult struct {
	Clusters []clusterInfo `json:"clusters"`
}

type clusterInfo struct {
	Locality string     `json:"locality"`
	Name     string     `json:"name"`
	Nodes    []nodeInfo `json:"nodes"`
}

type nodeInfo struct {
	HostName   string `json:"hostName"`
	ID         int    `json:"nodeId"`
	DataCenter string `json:"dataCenter"`
}

type configResult struct {
	Text string `json:"asJSON"`
}

// queueResult is the state of a queue.
type queueResult struct {
	State queueState `json:"state"`
	Queue struct {
		Local struct {
			Engine struct {
				Fanout engineInfo `json:"fanout"`
			} `json:"queueEngine"`
		} `json:"localQueue"`
	} `json:"queue"`
}

type queueState struct {
	URI              string      `json:"uri"`
	HandleParameters string      `json:"handleParametersJson"`
	StreamParameters string      `json:"streamParametersJson"`
	ID               uint32      `json:"id"`
	Key              string      `json:"key"`
	Partition        int         `json:"partitionId"`
	Storage          queueStored `json:"storage"`
	Meter            *meterInfo  `json:"capacityMeter"`
	Handles          []handleRow `json:"handles,omitempty"`
}

type queueStored struct {
	Messages int64       `json:"numMessages"`
	Bytes    int64       `json:"numBytes"`
	Apps     []appStored `json:"virtualStorages,omitempty"`
}

type appStored struct {
	ID       string `json:"appId"`
	Key      string `json:"appKey"`
	Messages int64  `json:"numMessages"`
}

// handleRow is one client that has the queue open.
type handleRow struct {
	Client          string      `json:"clientDescription"`
	Parameters      string      `json:"parametersJson"`
	IsClusterMember bool        `json:"isClientClusterMember"`
	SubStreams      []streamRow `json:"subStreams,omitempty"`
}

type streamRow struct {
	ID          uint32      `json:"subId"`
	App         string      `json:"appId"`
	Parameters  string      `json:"parametersJson"`
	Windows     []windowRow `json:"unconfirmedMonitors,omitempty"`
	Unconfirmed *int        `json:"numUnconfirmedMessages,omitempty"` // of readers
}

// windowRow is the window of one subscription.
type windowRow struct {
	State         string `json:"state"`
	MessagesState string `json:"messagesState"`
	Messages      int64  `json:"numMessages"`
	MessagesLow   int64  `json:"messagesLowWatermarkRatio"`
	MessagesHigh  int64  `json:"messagesHighWatermarkRatio"`
	MaxMessages   int64  `json:"messagesCapacity"`
	BytesState    string `json:"bytesState"`
	Bytes         int64  `json:"numBytes"`
	BytesLow      int64  `json:"bytesLowWatermarkRatio"`
	BytesHigh     int64  `json:"bytesHighWatermarkRatio"`
	MaxBytes      int64  `json:"bytesCapacity"`
}

type engineInfo struct {
	MaxConsumers int           `json:"maxConsumers"`
	Mode         string        `json:"mode"`
	Apps         []consumerRow `json:"consumerStates,omitempty"`
	Routing      struct {
		Groups []groupRow `json:"subscriptionGroups,omitempty"`
	} `json:"Routing"`
}

// consumerRow is the state of one application.
type consumerRow struct {
	ID     string `json:"appId"`
	Status string `json:"status"`
	AtEnd  *bool  `json:"isAtEndOfStorage,omitempty"`
	State  struct {
		ID         string `json:"appId"`
		Consumers  int    `json:"numConsumers"`
		Redelivery int    `json:"redeliveryListLength"`
		Router     struct {
			Consumers []routerRow `json:"consumers,omitempty"`
		} `json:"roundRobinRouter"`
	} `json:"appState"`
}

type routerRow struct {
	Priority   int32     `json:"priority"`
	Handle     handleRow `json:"queueHandle"`
	Count      int32     `json:"count"`
	Expression string    `json:"expression"`
}

// groupRow are the consumers with one expression that take turns.
type groupRow struct {
	ID         int    `json:"id"`
	Expression string `json:"expression"`
	Upstream   uint32 `json:"upstreamSubQueueId"`
	Priority   struct {
		ID            int               `json:"id"`
		Subscriptions []subscriptionRow `json:"highestSubscriptions,omitempty"`
	} `json:"priorityGroup"`
}

type subscriptionRow struct {
	ID       uint32 `json:"downstreamSubscriptionId"` // the official broker never sets it
	Consumer struct {
		MaxMessages int64 `json:"maxUnconfirmedMessages"`
		MaxBytes    int64 `json:"maxUnconfirmedBytes"`
		Priority    int32 `json:"consumerPriority"`
		Count       int32 `json:"consumerPriorityCount"`
	} `json:"consumer"`
	Subscriber struct {
		SubID uint32 `json:"downstreamSubQueueId"`
	} `json:"subscriber"`
}
