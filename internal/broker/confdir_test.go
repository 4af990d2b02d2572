package broker_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/broker"
)

// domainJSON is a domain file with the given parameters added.
func domainJSON(mode, more string) string {
	return `{"definition":{"location":"local","parameters":{
		"mode":` + mode + `,
		"storage":{"config":{"inMemory":{}},
			"domainLimits":{"messages":2000,"bytes":2097152,"bytesWatermarkRatio":0.8,"messagesWatermarkRatio":0.8},
			"queueLimits":{"messages":1000,"bytes":1048576}},
		"consistency":{"eventual":{}},
		"messageTtl":300` + more + `}}}`
}

// writeDir makes a configuration directory from files by their names.
func writeDir(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

func TestADirectoryIsReadAsItIs(t *testing.T) {
	dir := writeDir(t, map[string]string{
		"bmqbrkrcfg.json": `{"taskConfig":{"allocatorType":"COUNTING"},"appConfig":{"hostName":"earth","etcDir":"",
			"messagePropertiesV2":{"advertiseV2Support":false,"minCppSdkVersion":1},
			"authentication":{"authenticators":[
				{"name":"BasicAuthenticator","settings":[{"key":"user","value":{"stringVal":"pw"}}]},
				{"name":"Other"}],"anonymousCredential":{"disallow":{}}},
			"networkInterfaces":{"heartbeats":{"client":10,"clusterPeer":10},
				"tcpInterface":{"name":"TCPInterface","port":30114,"ioThreads":4,"heartbeatIntervalMs":1000}}}}`,
		"clusters.json": `{"myClusters":[{"name":"local","nodes":[{"id":1},{"id":2}],
			"messageThrottleConfig":{"lowThreshold":1,"highThreshold":3,"lowInterval":10,"highInterval":30}}]}`,
		"domains/a.priority.json":  domainJSON(`{"priority":{}}`, `,"maxDeliveryAttempts":3,"maxQueues":5,"maxIdleTime":60`),
		"domains/a.fanout.json":    domainJSON(`{"fanout":{"appIDs":["foo","bar"]}}`, `,"deduplicationTimeMs":1000,"maxConsumers":1,"subscriptions":[{"appId":"foo","expression":{"version":"E_VERSION_1","text":"x > 5"}}]`),
		"domains/a.broadcast.json": domainJSON(`{"broadcast":{}}`, `,"msgGroupIdConfig":{"rebalance":true}`),
		"domains/a.old.json":       `{"redirect":"a.priority"}`,
		"domains/README":           "no domain",
	})
	d, err := broker.ReadDirectory(dir)
	require.NoError(t, err)
	require.Equal(t, 30114, d.Port)
	c := d.Config
	require.Equal(t, broker.Heartbeats{Interval: time.Second, MaxMissed: 10}, c.Heartbeats)
	require.Equal(t, broker.Throttle{LowThreshold: 1, HighThreshold: 3, LowInterval: 10 * time.Millisecond, HighInterval: 30 * time.Millisecond}, c.Throttle)
	require.Equal(t, broker.Authentication{Users: map[string]string{"user": "pw"}, RefuseAnonymous: true}, c.Authentication)
	require.True(t, c.HidePropertiesEx)
	require.Equal(t, map[string]string{"a.old": "a.priority"}, c.Redirects)
	base := broker.Domain{
		MessageTTL: 300 * time.Second, QueueMessages: 1000, QueueBytes: 1 << 20, DomainMessages: 2000, DomainBytes: 2 << 20,
		DeduplicationTime: 300 * time.Second,
	}
	broadcast, fanout, priority := base, base, base
	broadcast.Name, broadcast.Mode = "a.broadcast", broker.Broadcast
	fanout.Name, fanout.Mode, fanout.AppIDs = "a.fanout", broker.Fanout, []string{"foo", "bar"}
	fanout.DeduplicationTime, fanout.MaxConsumers = time.Second, 1
	fanout.Subscriptions = map[string]string{"foo": "x > 5"}
	priority.Name, priority.MaxDeliveryAttempts, priority.MaxQueues = "a.priority", 3, 5
	require.Equal(t, []broker.Domain{broadcast, fanout, priority}, c.Domains)
	require.Equal(t, []string{
		filepath.Join(dir, "bmqbrkrcfg.json") + ": not supported, and without effect: appConfig.networkInterfaces.tcpInterface.ioThreads," +
			" appConfig.networkInterfaces.heartbeats.clusterPeer, appConfig.authentication.authenticators[1].name (Other), appConfig.etcDir, taskConfig",
		filepath.Join(dir, "clusters.json") + ": not supported, and without effect: myClusters[0].nodes (2 of them: this broker is one)",
		filepath.Join(dir, "domains/a.broadcast.json") + ": not supported, and without effect: definition.parameters.msgGroupIdConfig",
		filepath.Join(dir, "domains/a.priority.json") + ": not supported, and without effect: definition.parameters.maxIdleTime",
	}, d.Warnings)
	_, err = broker.New(c)
	require.NoError(t, err)
}

func TestAWrongDirectoryGivesFileFieldAndReason(t *testing.T) {
	good := domainJSON(`{"priority":{}}`, ``)
	for name, c := range map[string]struct {
		file, text, want string
	}{
		"no JSON":       {"domains/a.json", "{\n  \"definition\": oops", "domains/a.json: line 2: invalid character 'o'"},
		"no object":     {"domains/a.json", `[]`, "domains/a.json: the file: it has to be an object, not an array"},
		"two objects":   {"domains/a.json", good + good, "domains/a.json: there is more behind the object"},
		"empty":         {"domains/a.json", ``, "domains/a.json: line 1: EOF"},
		"both kinds":    {"domains/a.json", `{"redirect":"b","definition":{}}`, "it has to have exactly one member out of definition, redirect"},
		"no parameters": {"domains/a.json", `{"definition":{}}`, "definition.parameters: it is missing"},
		"unknown mode":  {"domains/a.json", domainJSON(`{"magic":{}}`, ``), "definition.parameters.mode: it has to have exactly one member out of priority, fanout, broadcast"},
		"no apps":       {"domains/a.json", domainJSON(`{"fanout":{}}`, ``), "a fanout domain, and no other, has application ids"},
		"text limit":    {"domains/a.json", domainJSON(`{"priority":{}}`, `,"maxQueues":"5"`), "definition.parameters.maxQueues: it has to be a number, not a text"},
		"negative":      {"domains/a.json", domainJSON(`{"priority":{}}`, `,"maxQueues":-1`), "definition.parameters.maxQueues: -1 is not a whole number from 0 to 2147483647"},
		"fraction":      {"domains/a.json", domainJSON(`{"priority":{}}`, `,"maxQueues":1.5`), "definition.parameters.maxQueues: 1.5 is not a whole number"},
		"attempts":      {"domains/a.json", domainJSON(`{"priority":{}}`, `,"maxDeliveryAttempts":64`), "definition.parameters.maxDeliveryAttempts: 64 is not a whole number from 0 to 63"},
		"expression":    {"domains/a.json", domainJSON(`{"priority":{}}`, `,"subscriptions":[{"expression":{"version":"E_VERSION_1","text":"x >"}}]`), `definition.parameters: broker: domain "a": subscription "x >"`},
		"version":       {"domains/a.json", domainJSON(`{"priority":{}}`, `,"subscriptions":[{"expression":{"version":"E_VERSION_2","text":"x > 1"}}]`), `definition.parameters.subscriptions[0].expression.version: there is no version "E_VERSION_2"`},
		"broker":        {"bmqbrkrcfg.json", `{"appConfig":{"networkInterfaces":{"tcpInterface":{"port":"30114"}}}}`, "appConfig.networkInterfaces.tcpInterface.port: it has to be a number, not a text"},
		"app config":    {"bmqbrkrcfg.json", `{}`, "bmqbrkrcfg.json: appConfig: it is missing"},
		"clusters":      {"clusters.json", `{"myClusters":{}}`, "clusters.json: myClusters: it has to be an array, not an object"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"domains/good.json": good}
			files[c.file] = c.text
			dir := writeDir(t, files)
			_, err := broker.ReadDirectory(dir)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, filepath.Join(dir, c.file))
		})
	}
	_, err := broker.ReadDirectory(t.TempDir())
	require.ErrorContains(t, err, "the configuration has no domains")
	_, err = broker.ReadDirectory(writeDir(t, map[string]string{"domains/x.txt": ""}))
	require.ErrorContains(t, err, "there is no domain")
}
