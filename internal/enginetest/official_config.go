package enginetest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bmq-go/bmq/bmqtest"
)

// object is a JSON object.
type object = map[string]any

// officialDirs are where a broker keeps things, under a directory of its own.
type officialDirs struct{ root string }

func (d officialDirs) etc() string     { return filepath.Join(d.root, "etc") }
func (d officialDirs) domains() string { return filepath.Join(d.root, "etc", "domains") }
func (d officialDirs) logs() string    { return filepath.Join(d.root, "logs") }
func (d officialDirs) storage() string { return filepath.Join(d.root, "storage") }
func (d officialDirs) archive() string { return filepath.Join(d.root, "storage", "archive") }
func (d officialDirs) output() string  { return filepath.Join(d.root, "output") }

// writeOfficialConfig writes what an official broker needs to be a cluster of its own
// on one port. What is left out has the broker's default.
func writeOfficialConfig(dirs officialDirs, port int, c BrokerConfig) error {
	for _, dir := range []string{dirs.domains(), dirs.logs(), dirs.archive()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	files := map[string]any{
		filepath.Join(dirs.etc(), "bmqbrkrcfg.json"): officialBroker(dirs, port, c),
		filepath.Join(dirs.etc(), "clusters.json"):   officialClusters(dirs, port),
	}
	for _, d := range domains {
		files[filepath.Join(dirs.domains(), d.Name+".json")] = officialDomain(d)
	}
	for name, contents := range files {
		text, err := json.MarshalIndent(contents, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

const clusterName = "suite"

func officialBroker(dirs officialDirs, port int, c BrokerConfig) object {
	threads := object{
		"numProcessors":   1,
		"processorConfig": object{"queueSize": 100000, "queueSizeLowWatermark": 50000, "queueSizeHighWatermark": 90000},
	}
	heartbeats, interval := c.MissedHeartbeats, c.Heartbeats
	if interval == 0 {
		heartbeats, interval = 0, 3*time.Second
	}
	app := object{
		"brokerInstanceName": clusterName, "brokerVersion": 999999, "configVersion": 999999,
		"hostName": "localhost", "hostDataCenter": "UNSPECIFIED", "hostTags": "",
		"logsObserverMaxSize": 10,
		"dispatcherConfig":    object{"sessions": threads, "queues": threads, "clusters": threads},
		"stats": object{"snapshotInterval": 1, "printer": object{
			"printInterval": 60, "file": filepath.Join(dirs.logs(), "stat.%T.%p"), "maxAgeDays": 1,
		}},
		"networkInterfaces": object{
			"heartbeats": object{"client": heartbeats, "downstreamBroker": 10, "upstreamBroker": 10, "clusterPeer": 10},
			"tcpInterface": object{
				"name": "tcp", "port": port, "ioThreads": 2, "heartbeatIntervalMs": interval.Milliseconds(),
				"lowWatermark": 4 << 20, "highWatermark": 1 << 30,
				"nodeLowWatermark": 5 << 20, "nodeHighWatermark": 10 << 20,
				"listeners": []object{{"name": "tcp", "address": "127.0.0.1", "port": port}},
			},
		},
		"bmqconfConfig": object{"cacheTTLSeconds": 30},
	}
	if len(c.Users) > 0 {
		var settings []object
		for name, password := range c.Users {
			settings = append(settings, object{"key": name, "value": object{"stringVal": password}})
		}
		app["authentication"] = object{
			"authenticators":      []object{{"name": "BasicAuthenticator", "settings": settings}},
			"anonymousCredential": object{"disallow": object{}},
		}
	}
	return object{
		"taskConfig": object{
			"allocatorType": "NEWDELETE", "allocationLimit": int64(8 << 30),
			"logController": object{
				"fileName": filepath.Join(dirs.logs(), "log.%T.%p"), "fileMaxAgeDays": 1, "rotationBytes": 64 << 20,
				"logfileFormat": "%d %s %F:%l %m\n", "consoleFormat": "%d %s %F:%l %m\n",
				"loggingVerbosity": "WARN", "consoleSeverityThreshold": "WARN",
				"categories": []string{"*:WARN:green"},
				"syslog":     object{"enabled": false, "appName": "", "logFormat": "", "verbosity": ""},
			},
		},
		"appConfig": app,
	}
}

func officialClusters(dirs officialDirs, port int) object {
	return object{"myClusters": []object{{
		"name": clusterName,
		"nodes": []object{{
			"id": 0, "name": "localhost", "dataCenter": "UNSPECIFIED",
			"transport": object{"tcp": object{"endpoint": fmt.Sprintf("tcp://localhost:%d", port)}},
		}},
		"clusterAttributes": object{"isCSLModeEnabled": true, "isFSMWorkflow": true, "doesFSMwriteQLIST": true},
		"partitionConfig": object{
			"numPartitions": 1, "location": dirs.storage(), "archiveLocation": dirs.archive(), "maxArchivedFileSets": 0,
			"maxDataFileSize": 512 << 20, "maxJournalFileSize": 256 << 20, "maxQlistFileSize": 8 << 20, "maxCSLFileSize": 8 << 20,
			"preallocate": false, "prefaultPages": false, "flushAtShutdown": true, "syncConfig": object{},
		},
		"masterAssignment":     "E_LEADER_IS_MASTER_ALL",
		"elector":              object{"initialWaitTimeoutMs": 100, "maxRandomWaitTimeoutMs": 50, "leaderSyncDelayMs": 100, "quorum": 0},
		"queueOperations":      object{},
		"clusterMonitorConfig": object{},
	}}}
}

// unlimited stands for no limit: the configuration has no word for it.
const unlimited = int64(1) << 40

func officialDomain(d bmqtest.Domain) object {
	limits := func(messages, bytes int64) object {
		if messages == 0 {
			messages = unlimited
		}
		if bytes == 0 {
			bytes = unlimited
		}
		return object{"messages": messages, "bytes": bytes, "messagesWatermarkRatio": 0.8, "bytesWatermarkRatio": 0.8}
	}
	mode := object{d.Mode.String(): object{}}
	if d.Mode == bmqtest.Fanout {
		mode = object{d.Mode.String(): object{"appIDs": d.AppIDs}}
	}
	storage := "inMemory"
	if d.Persistent {
		storage = "fileBacked"
	}
	ttl, memory := d.MessageTTL, d.DeduplicationTime
	if ttl == 0 {
		ttl = time.Hour
	}
	if memory == 0 {
		memory = 5 * time.Minute
	}
	parameters := object{
		"mode": mode,
		"storage": object{
			"config":       object{storage: object{}},
			"queueLimits":  limits(d.QueueMessages, d.QueueBytes),
			"domainLimits": limits(d.DomainMessages, d.DomainBytes),
		},
		"consistency":         object{"eventual": object{}},
		"messageTtl":          int64(ttl / time.Second),
		"deduplicationTimeMs": memory.Milliseconds(),
		"maxProducers":        d.MaxProducers, "maxConsumers": d.MaxConsumers, "maxQueues": d.MaxQueues,
		"maxDeliveryAttempts": d.MaxDeliveryAttempts,
	}
	if len(d.Subscriptions) > 0 {
		var list []object
		for id, text := range d.Subscriptions {
			list = append(list, object{"appId": id, "expression": object{"version": "E_VERSION_1", "text": text}})
		}
		parameters["subscriptions"] = list
	}
	return object{"definition": object{"location": clusterName, "parameters": parameters}}
}
