package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Names in a configuration directory of the official broker.
const (
	brokerFile   = "bmqbrkrcfg.json"
	clustersFile = "clusters.json"
	domainsDir   = "domains"
)

// Directory is what a configuration directory of the official broker says.
type Directory struct {
	// Config are the settings that are supported.
	Config Config
	// Port is where the broker is to listen, 0 if the directory does not say.
	Port int
	// Warnings name the settings that are not supported, one text for each file.
	Warnings []string
}

// ReadDirectory reads the configuration directory of an official broker:
// bmqbrkrcfg.json, clusters.json and domains/*.json, of which only the last is
// required. Errors name file, field and reason.
func ReadDirectory(dir string) (*Directory, error) {
	d := &Directory{}
	d.Config.DomainsDir = filepath.Join(dir, domainsDir)
	if err := d.read(filepath.Join(dir, brokerFile), d.broker); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := d.read(filepath.Join(dir, clustersFile), d.clusters); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	entries, err := os.ReadDir(d.Config.DomainsDir)
	if err != nil {
		return nil, fmt.Errorf("%s: the configuration has no domains: %w", d.Config.DomainsDir, err)
	}
	for _, e := range entries {
		name, isDomain := strings.CutSuffix(e.Name(), ".json")
		if !isDomain || e.IsDir() {
			continue
		}
		err := d.read(filepath.Join(d.Config.DomainsDir, e.Name()), func(n *confNode) { d.domain(n, name) })
		if err != nil {
			return nil, err
		}
	}
	d.Config.Reload = func(name string) (Domain, error) { return readDomain(d.Config.DomainsDir, name) }
	if len(d.Config.Domains) == 0 {
		return nil, fmt.Errorf("%s: there is no domain: put one into a file NAME.json", d.Config.DomainsDir)
	}
	return d, nil
}

// readDomain reads one domain again.
func readDomain(dir, name string) (Domain, error) {
	var d Directory
	err := d.read(filepath.Join(dir, filepath.Base(name)+".json"), func(n *confNode) { d.domain(n, name) })
	if err == nil && len(d.Config.Domains) == 0 {
		err = fmt.Errorf("domain '%s' is a redirection", name)
	}
	if err != nil {
		return Domain{}, err
	}
	return d.Config.Domains[0], nil
}

// read reads one file.
func (d *Directory) read(file string, into func(*confNode)) error {
	root, err := readConf(file)
	if err != nil {
		return err
	}
	into(root)
	if root.file.err != nil {
		return root.file.err
	}
	if len(root.file.unused) > 0 {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%s: not supported, and without effect: %s",
			file, strings.Join(root.file.unused, ", ")))
	}
	return nil
}

// broker reads bmqbrkrcfg.json.
func (d *Directory) broker(n *confNode) {
	app := n.required("appConfig")
	app.ignore("brokerInstanceName", "brokerVersion", "configVersion", "hostName", "hostTags", "hostDataCenter")
	d.network(app.field("networkInterfaces"))
	d.authentication(app.field("authentication"))
	d.Config.HidePropertiesEx = !app.field("messagePropertiesV2").field("advertiseV2Support").boolean(true)
	// A broker that is built from its sources announces subscriptions whatever its
	// configuration says.
	app.ignore("configureStream", "advertiseSubscriptions")
	app.done()
	n.done()
}

func (d *Directory) network(n *confNode) {
	tcp, beats := n.field("tcpInterface"), n.field("heartbeats")
	d.Config.Heartbeats.MaxMissed = int(beats.field("client").integer(0, 0, math.MaxInt32))
	d.Config.Heartbeats.Interval = milliseconds(tcp.field("heartbeatIntervalMs"), 3000)
	d.Port = int(tcp.field("port").integer(0, 0, math.MaxUint16))
	for _, l := range tcp.field("listeners").items() {
		if port := l.field("port").integer(0, 1, math.MaxUint16); d.Port == 0 {
			d.Port = int(port)
		}
		l.ignore("name")
		l.done()
	}
	tcp.ignore("name")
	tcp.done()
	beats.done()
	n.done()
}

func milliseconds(n *confNode, d int64) time.Duration {
	return time.Duration(n.integer(d, 1, math.MaxInt32)) * time.Millisecond
}

// basicAuthenticator is the name of the official authenticator for the mechanism BASIC.
const basicAuthenticator = "BasicAuthenticator"

func (d *Directory) authentication(n *confNode) {
	if !n.there() {
		return
	}
	for _, a := range n.field("authenticators").items() {
		if name := a.required("name"); name.text() != basicAuthenticator {
			a.file.unused = append(a.file.unused, fmt.Sprintf("%s (%s)", name.path, name.text()))
			continue
		}
		d.Config.Authentication.Users = make(map[string]string)
		for _, s := range a.field("settings").items() {
			_, value := s.required("value").choice("stringVal")
			d.Config.Authentication.Users[s.required("key").text()] = value.text()
		}
		a.done()
	}
	if anonymous := n.field("anonymousCredential"); anonymous.there() {
		name, value := anonymous.choice("disallow", "credential")
		d.Config.Authentication.RefuseAnonymous = name == "disallow"
		if name == "credential" {
			value.ignore("mechanism", "identity")
		}
	}
	n.ignore("minThreads", "maxThreads")
	n.done()
}

// clusters reads clusters.json. Of a cluster, a single broker has use for how it
// throttles messages.
func (d *Directory) clusters(n *confNode) {
	for i, c := range n.field("myClusters").items() {
		t := c.field("messageThrottleConfig")
		if i == 0 {
			d.Config.Throttle = Throttle{
				LowThreshold:  threshold(t.field("lowThreshold"), 2),
				HighThreshold: threshold(t.field("highThreshold"), 4),
				LowInterval:   milliseconds(t.field("lowInterval"), 1000),
				HighInterval:  milliseconds(t.field("highInterval"), 3000),
			}
		}
		if name := c.field("name"); i == 0 && name.there() {
			d.Config.Cluster = name.text()
		} else {
			c.ignore("name")
		}
		if nodes := c.field("nodes"); len(nodes.items()) > 1 {
			n.file.unused = append(n.file.unused, fmt.Sprintf("%s (%d of them: this broker is one)", nodes.path, len(nodes.items())))
		}
		c.done()
	}
	n.done()
}

// threshold returns -1 for 0, which would stand for the default: a message that is
// delivered has more deliveries left than either.
func threshold(n *confNode, d int64) int {
	if v := n.integer(d, 0, math.MaxInt32); v > 0 {
		return int(v)
	}
	return -1
}

// domain reads one file of domains/.
func (d *Directory) domain(n *confNode, name string) {
	kind, value := n.choice("definition", "redirect")
	if kind == "redirect" {
		if d.Config.Redirects == nil {
			d.Config.Redirects = make(map[string]string)
		}
		d.Config.Redirects[name] = value.text()
		return
	}
	d.Config.Domains = append(d.Config.Domains, value.required("parameters").domain(name))
	value.ignore("location")
	value.done()
}

// domain reads the parameters of a domain.
func (n *confNode) domain(name string) Domain {
	domain := Domain{
		Name:                name,
		MessageTTL:          time.Duration(n.required("messageTtl").integer(0, 1, noTTL)) * time.Second,
		MaxProducers:        int(n.field("maxProducers").integer(0, 0, math.MaxInt32)),
		MaxConsumers:        int(n.field("maxConsumers").integer(0, 0, math.MaxInt32)),
		MaxQueues:           int(n.field("maxQueues").integer(0, 0, math.MaxInt32)),
		MaxDeliveryAttempts: int(n.field("maxDeliveryAttempts").integer(0, 0, maxAttempts)),
		DeduplicationTime:   time.Duration(n.field("deduplicationTimeMs").integer(300000, 0, math.MaxInt32)) * time.Millisecond,
	}
	if domain.DeduplicationTime == 0 {
		domain.DeduplicationTime = -1
	}
	if domain.MessageTTL == noTTL*time.Second {
		domain.MessageTTL = 0
	}
	domain.mode(n.required("mode"))
	domain.storage(n.required("storage"))
	domain.subscriptions(n.field("subscriptions"))
	// On one node, a message that is stored is stored by all.
	n.ignore("name", "consistency")
	if n.field("maxIdleTime").integer(0, 0, math.MaxInt32) > 0 {
		n.file.unused = append(n.file.unused, n.field("maxIdleTime").path)
	}
	n.done()
	if err := domain.validate(); err != nil {
		n.fail("%v", err)
	}
	return domain
}

// ParseDomain reads the parameters of a domain in the schema of the official
// configuration, as DomainJSON prints them. What is not supported is an error.
func ParseDomain(name string, parameters []byte) (Domain, error) {
	n, err := parseConf("domain "+name, parameters)
	if err != nil {
		return Domain{}, err
	}
	d := n.domain(name)
	if n.file.err == nil && len(n.file.unused) > 0 {
		n.file.err = fmt.Errorf("domain %s: not supported: %s", name, strings.Join(n.file.unused, ", "))
	}
	return d, n.file.err
}

func (d *Domain) mode(n *confNode) {
	name, value := n.choice(modeNames...)
	_ = d.Mode.UnmarshalText([]byte(name)) // choice has checked it
	for _, id := range value.field("appIDs").items() {
		d.AppIDs = append(d.AppIDs, id.text())
	}
	value.ignore("publishAppIdMetrics")
	value.done()
}

func (d *Domain) storage(n *confNode) {
	kind, _ := n.required("config").choice("inMemory", "fileBacked")
	d.Persistent = kind == "fileBacked"
	d.QueueMessages, d.QueueBytes = limits(n.required("queueLimits"))
	d.DomainMessages, d.DomainBytes = limits(n.required("domainLimits"))
	n.done()
}

func limits(n *confNode) (messages, bytes int64) {
	messages = n.required("messages").integer(0, 1, noLimit) % noLimit
	bytes = n.required("bytes").integer(0, 1, noLimit) % noLimit
	n.ignore("messagesWatermarkRatio", "bytesWatermarkRatio")
	n.done()
	return messages, bytes
}

func (d *Domain) subscriptions(n *confNode) {
	for _, s := range n.items() {
		e := s.required("expression")
		version, text := e.field("version").text(), e.required("text").text()
		if version == "" || version == "E_UNDEFINED" {
			text = ""
		} else if version != "E_VERSION_1" {
			e.field("version").fail("there is no version %q", version)
		}
		if d.Subscriptions == nil {
			d.Subscriptions = make(map[string]string)
		}
		id := s.field("appId").text()
		if d.Mode != Fanout {
			id = ""
		}
		d.Subscriptions[id] = text
		e.done()
		s.done()
	}
}
