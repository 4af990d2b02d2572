package officialbroker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bmq-go/bmq/internal/broker"
)

// object is a JSON object.
type object = map[string]any

// dirs are where the broker keeps things, under a folder of its own.
type dirs struct{ root string }

func (d dirs) etc() string     { return filepath.Join(d.root, "etc") }
func (d dirs) domains() string { return filepath.Join(d.root, "etc", "domains") }
func (d dirs) logs() string    { return filepath.Join(d.root, "logs") }
func (d dirs) storage() string { return filepath.Join(d.root, "storage") }
func (d dirs) archive() string { return filepath.Join(d.root, "storage", "archive") }
func (d dirs) output() string  { return filepath.Join(d.root, "output") }

// writeConfig writes what a broker needs to be a cluster of its own on one port. What
// is left out has the broker's default.
func writeConfig(dirs dirs, port int, c Config) error {
	for _, dir := range []string{dirs.domains(), dirs.logs(), dirs.archive()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	files := map[string]any{
		filepath.Join(dirs.etc(), "bmqbrkrcfg.json"): brokerConfig(dirs, port, c),
		filepath.Join(dirs.etc(), "clusters.json"):   clusterConfig(dirs, port),
	}
	for _, d := range c.domains() {
		files[filepath.Join(dirs.domains(), d.Name+".json")] = object{"definition": object{
			"location": clusterName, "parameters": json.RawMessage(broker.DomainJSON(&d)),
		}}
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

// unlimited stands for no limit: the configuration has no word for it.
const unlimited = int64(1) << 40

// domains are all domains that the broker has.
func (c Config) domains() []broker.Domain {
	list := broker.BuiltinDomains()
	for _, d := range c.Domains {
		d.MessageTTL = cmp.Or(d.MessageTTL, time.Hour)
		d.QueueMessages, d.QueueBytes = cmp.Or(d.QueueMessages, unlimited), cmp.Or(d.QueueBytes, unlimited)
		d.DomainMessages, d.DomainBytes = cmp.Or(d.DomainMessages, unlimited), cmp.Or(d.DomainBytes, unlimited)
		list = append(list, broker.Domain(d))
	}
	return list
}

const clusterName = "local"

func brokerConfig(dirs dirs, port int, c Config) object {
	threads := object{
		"numProcessors":   1,
		"processorConfig": object{"queueSize": 500000, "queueSizeLowWatermark": 100000, "queueSizeHighWatermark": 400000},
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
				"name": "tcp", "port": port, "ioThreads": 1, "heartbeatIntervalMs": interval.Milliseconds(),
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
			"allocatorType": "NEWDELETE", "allocationLimit": int64(16 << 30),
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

func clusterConfig(dirs dirs, port int) object {
	return object{"myClusters": []object{{
		"name": clusterName,
		"nodes": []object{{
			"id": 0, "name": "localhost", "dataCenter": "UNSPECIFIED",
			"transport": object{"tcp": object{"endpoint": fmt.Sprintf("tcp://localhost:%d", port)}},
		}},
		"clusterAttributes": object{"isCSLModeEnabled": true, "isFSMWorkflow": true, "doesFSMwriteQLIST": true},
		"partitionConfig": object{
			"numPartitions": 1, "location": dirs.storage(), "archiveLocation": dirs.archive(), "maxArchivedFileSets": 0,
			"maxDataFileSize": 512 << 20, "maxJournalFileSize": 512 << 20, "maxQlistFileSize": 64 << 20, "maxCSLFileSize": 64 << 20,
			"preallocate": false, "prefaultPages": false, "flushAtShutdown": true, "syncConfig": object{},
		},
		"masterAssignment":     "E_LEADER_IS_MASTER_ALL",
		"elector":              object{"initialWaitTimeoutMs": 100, "maxRandomWaitTimeoutMs": 50, "leaderSyncDelayMs": 100, "quorum": 0},
		"queueOperations":      object{},
		"clusterMonitorConfig": object{},
	}}}
}
