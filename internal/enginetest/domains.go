package enginetest

import (
	"time"

	"github.com/bmq-go/bmq/bmqtest"
)

// The domains that behaviours use, each for what its name says.
const (
	memoryPriority     = "suite.memory.priority"
	memoryFanout       = "suite.memory.fanout" // applications foo, bar and baz
	memoryBroadcast    = "suite.memory.broadcast"
	persistentPriority = "suite.persistent.priority"
	persistentFanout   = "suite.persistent.fanout"
	fewMessages        = "suite.limit.messages" // 3 in a queue, and so 4
	fewBytes           = "suite.limit.bytes"    // 100 in a queue, and one message more
	fewInDomain        = "suite.limit.domain"   // 3 in all queues together, and so 4
	oneEach            = "suite.limit.clients"  // one producer, one consumer
	oneQueue           = "suite.limit.queues"
	shortLived         = "suite.ttl"           // messages live for shortLife
	poisonous          = "suite.poison"        // 2 attempts to deliver
	forgetful          = "suite.deduplication" // repeats are known for shortMemory
	selective          = "suite.subscriptions" // applications eu and all; eu takes region == "EU"
)

const (
	shortLife     = 2 * time.Second
	shortMemory   = 2 * time.Second
	limitMessages = 3
	limitBytes    = 100
)

// domains are the configuration of every broker of the suite.
var domains = []bmqtest.Domain{
	{Name: memoryPriority, Mode: bmqtest.Priority},
	{Name: memoryFanout, Mode: bmqtest.Fanout, AppIDs: []string{"foo", "bar", "baz"}},
	{Name: memoryBroadcast, Mode: bmqtest.Broadcast},
	{Name: persistentPriority, Mode: bmqtest.Priority, Persistent: true},
	{Name: persistentFanout, Mode: bmqtest.Fanout, Persistent: true, AppIDs: []string{"foo", "bar", "baz"}},
	{Name: fewMessages, Mode: bmqtest.Priority, QueueMessages: limitMessages},
	{Name: fewBytes, Mode: bmqtest.Priority, QueueBytes: limitBytes},
	{Name: fewInDomain, Mode: bmqtest.Priority, DomainMessages: limitMessages},
	{Name: oneEach, Mode: bmqtest.Priority, MaxProducers: 1, MaxConsumers: 1},
	{Name: oneQueue, Mode: bmqtest.Priority, MaxQueues: 1},
	{Name: shortLived, Mode: bmqtest.Priority, MessageTTL: shortLife},
	{Name: poisonous, Mode: bmqtest.Priority, MaxDeliveryAttempts: 2},
	{Name: forgetful, Mode: bmqtest.Priority, DeduplicationTime: shortMemory},
	{Name: selective, Mode: bmqtest.Fanout, AppIDs: []string{"eu", "all"},
		Subscriptions: map[string]string{"eu": `region == "EU"`}},
}
