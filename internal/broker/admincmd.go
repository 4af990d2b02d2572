package broker

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// words are what is left of a command. Those of the language may be in any case.
type words []string

// next takes a word; it is empty at the end.
func (w *words) next() string {
	if len(*w) == 0 {
		return ""
	}
	word := (*w)[0]
	*w = (*w)[1:]
	return word
}

// badCommand is why a command can't be run.
type badCommand string

func (e badCommand) Error() string { return string(e) }

func bad(format string, args ...any) error { return badCommand(fmt.Sprintf(format, args...)) }

// end refuses what follows a whole command.
func (w *words) end() error {
	if len(*w) == 0 {
		return nil
	}
	return bad("Unexpected trailing words in an otherwise well-formed command: The extra words are: %s", strings.Join(*w, " "))
}

// Admin runs a command and returns what it prints. It is a line of words, or JSON in the
// official schema.
func (b *Broker) Admin(command string) string {
	r, e, err := b.command(command)
	if err != nil {
		return fmt.Sprintf("Unable to decode command (rc: -1, error: '%s')", err)
	}
	return r.print(e)
}

func (b *Broker) command(text string) (r *result, e encoding, err error) {
	w := words(strings.Fields(text))
	switch {
	case text == "":
		return nil, e, bad("Empty input")
	case len(w) == 0:
		return nil, e, bad("Command must contain at least one word.")
	}
	if isJSON(text) {
		if w, err = wordsOf(text); err != nil {
			return nil, e, err
		}
	}
	if e, err = w.encodingOf(); err != nil {
		return nil, e, err
	}
	r, err = b.run(w)
	return r, e, err
}

var adminHelp = []helpLine{
	{"HELP", "List the commands"},
	{"BROKERCONFIG DUMP", "Print the configuration of the broker"},
	{"DOMAINS DOMAIN <name> PURGE", "Drop all messages of the queues of a domain"},
	{"DOMAINS DOMAIN <name> INFOS", "Print the configuration and the queues of a domain"},
	{"DOMAINS DOMAIN <name> QUEUE <queue_name> PURGE <appId>", "Drop the messages of an application, or of the whole queue for '*'"},
	{"DOMAINS DOMAIN <name> QUEUE <queue_name> INTERNALS", "Print the state of a queue"},
	{
		"DOMAINS DOMAIN <name> QUEUE <queue_name> LIST [<appId>] <offset> <count>",
		"Print 'count' messages from 'offset' on. A negative offset counts from the end, a negative count goes backwards, UNLIMITED is all",
	},
	{"DOMAINS RECONFIGURE <domain>", "Read the configuration of a domain again"},
	{"DOMAINS RESOLVER CACHE_CLEAR (<domain>|ALL)", "Do nothing, successfully: this broker caches nothing"},
	{
		"DOMAINS REMOVE <domain> [FINALIZE]",
		"Drop the queues of a domain that nobody has open, and refuse to open more; then, with FINALIZE, forget the domain",
	},
	{"CONFIGPROVIDER CACHE_CLEAR (<domain>|ALL)", "Do nothing, successfully: this broker caches nothing"},
	{"STAT SHOW", "Print statistics"},
	{"CLUSTERS LIST", "List the clusters"},
	{"CLUSTERS CLUSTER <name> STATUS", "Print the state of a cluster"},
	{"CLUSTERS CLUSTER <name> FORCE_GC_QUEUES", "Give up the queues that nobody has open and that are empty"},
	{"CLUSTERS CLUSTER <name> STORAGE SUMMARY", "Print what a cluster stores"},
	{"CLUSTERS CLUSTER <name> STORAGE DOMAIN <domain_name> QUEUE_STATUS", "Print what the queues of a domain store"},
}

// run runs a command. An error says that it is none.
func (b *Broker) run(w words) (*result, error) {
	switch word := w.next(); strings.ToUpper(word) {
	case "HELP":
		k := w.next()
		if k != "" && !strings.EqualFold(k, "PLUMBING") {
			return nil, bad("Invalid HELP subcommand: %s", k)
		}
		return &result{Help: &helpResult{Commands: adminHelp, IsPlumbing: k != ""}}, w.end()
	case "BROKERCONFIG":
		if err := w.only("DUMP", "BROKERCONFIG command must be followed by a subcommand.", "Unexpected BROKERCONFIG subcommand: "); err != nil {
			return nil, err
		}
		return &result{BrokerConfig: &configResult{b.configJSON()}}, w.end()
	case "DOMAINS":
		return b.runDomains(w)
	case "CONFIGPROVIDER":
		return b.clearCache(w, "CONFIGPROVIDER")
	case "STAT":
		return b.runStat(w)
	case "CLUSTERS":
		return b.runClusters(w)
	default:
		return nil, bad("Invalid command. Send \"HELP\" for list of commands. Invalid command word: %s", word)
	}
}

// only takes a word that can be one thing only.
func (w *words) only(word, missing, wrong string) error {
	switch k := w.next(); {
	case k == "":
		return badCommand(missing)
	case !strings.EqualFold(k, word):
		return badCommand(wrong + k)
	}
	return nil
}

// runStat prints statistics. There is nothing about them that could be set.
func (b *Broker) runStat(w words) (*result, error) {
	if len(w) > 0 && strings.EqualFold(w[0], "SHOW") {
		w.next()
		if err := w.end(); err != nil {
			return nil, err
		}
		return &result{Stats: b.stats()}, nil
	}
	err := w.tunable(tunables{
		missing: "STAT command must be followed by a subcommand.", wrong: "Unexpected STAT subcommand: ",
		set: "The command STAT SET", get: "The command STAT GET",
	})
	if err != nil {
		return nil, err
	}
	return failed("The statistics of this broker have no parameters"), w.end()
}

func (b *Broker) runDomains(w words) (*result, error) {
	const must = "The DOMAINS command must be followed by one of the [DOMAIN, RESOLVER, RECONFIGURE] subcommands"
	switch k := w.next(); strings.ToUpper(k) {
	case "DOMAIN":
		return b.runDomain(w)
	case "RECONFIGURE":
		name := w.next()
		if name == "" {
			return nil, bad("DOMAINS RECONFIGURE command must be followed by a domain name.")
		}
		if err := w.end(); err != nil {
			return nil, err
		}
		return b.reload(name), nil
	case "RESOLVER":
		return b.clearCache(w, "DOMAINS RESOLVER")
	case "REMOVE":
		return b.runRemove(w)
	case "":
		return nil, bad("%s, but no subcommand was specified.", must)
	default:
		return nil, bad("%s, but the following was given: %s", must, k)
	}
}

// clearCache has nothing to do: nothing is cached.
func (b *Broker) clearCache(w words, of string) (*result, error) {
	if err := w.only("CACHE_CLEAR", of+" command must be followed by a subcommand.", "Invalid "+of+" subcommand: "); err != nil {
		return nil, err
	}
	name := w.next()
	switch {
	case name == "":
		return nil, bad("%s CACHE_CLEAR command must be followed by a domain name or \"ALL\".", of)
	case !strings.EqualFold(name, "ALL") && b.existing(name) == nil:
		return noDomain(name), w.end()
	}
	return succeeded(), w.end()
}

func noDomain(name string) *result { return failed(fmt.Sprintf("Domain '%s' doesn't exist", name)) }

// reload reads the configuration of a domain again from where it came.
func (b *Broker) reload(name string) *result {
	switch {
	case b.config.Reload != nil:
	case b.existing(name) == nil:
		return noDomain(name)
	default:
		return failed("The broker was not configured from a directory")
	}
	d, err := b.config.Reload(name)
	if err == nil {
		err = b.Reconfigure(d)
	}
	if err != nil {
		return failed(err.Error())
	}
	return succeeded()
}

func (b *Broker) runDomain(w words) (*result, error) {
	name := w.next()
	if name == "" {
		return nil, bad("The DOMAINS DOMAIN command must be followed by a domain name.")
	}
	sub := w.next()
	switch k := strings.ToUpper(sub); k {
	case "PURGE", "INFOS":
		if err := w.end(); err != nil {
			return nil, err
		}
		d := b.existing(name)
		switch {
		case d == nil:
			return noDomain(name), nil
		case k == "INFOS":
			return &result{DomainInfo: d.result()}, nil
		}
		r := &purgeResult{}
		for _, q := range d.list() {
			r.Queues = append(r.Queues, q.purgeCommand("*"))
		}
		return &result{PurgedQueues: r}, nil
	case "QUEUE":
		return b.runQueue(name, w)
	case "":
		return nil, bad("The DOMAINS DOMAIN <name> command must be followed by a subcommand.")
	default:
		return nil, bad("Invalid DOMAIN subcommand: %s", sub)
	}
}

func (b *Broker) existing(name string) *domain {
	d, failed := b.domainFor(name)
	if failed != nil {
		return nil
	}
	return d
}

func (b *Broker) runQueue(domainName string, w words) (*result, error) {
	name := w.next()
	if name == "" {
		return nil, bad("DOMAINS DOMAIN <name> QUEUE command must specify a queue name.")
	}
	sub := w.next()
	var action func(*queue) *result
	k := strings.ToUpper(sub)
	switch k {
	case "INTERNALS":
		action = func(q *queue) *result { return &result{QueueInternals: q.result()} }
	case "PURGE":
		app := w.next()
		if app == "" {
			return nil, bad("DOMAINS DOMAIN <name> QUEUE <queue_name> PURGE command must be followed by an appId or \"*\".")
		}
		action = func(q *queue) *result {
			return &result{PurgedQueues: &purgeResult{[]purged{q.purgeCommand(app)}}}
		}
	case "LIST":
		l, err := parseList(&w)
		if err != nil {
			return nil, err
		}
		action = func(q *queue) *result { return l.result(q) }
	case "":
		return nil, bad("DOMAINS DOMAIN <name> QUEUE <queue_name> command must have a subcommand, such as PURGE, INTERNALS, or LIST.")
	default:
		return nil, bad("Invalid DOMAINS DOMAIN <name> QUEUE <queue_name> subcommand: %s", sub)
	}
	if err := w.end(); err != nil {
		return nil, err
	}
	d := b.existing(domainName)
	if d == nil {
		return noDomain(domainName), nil
	}
	q := d.find(name)
	switch {
	case q != nil:
		return action(q), nil
	case k == "PURGE":
		return failed(fmt.Sprintf("Queue was not found in a storage 'bmq://%s/%s'", d.name, name)), nil
	}
	return failed(fmt.Sprintf("Queue '%s' was not found on domain '%s'", name, domainName)), nil
}

// purgeCommand drops the messages of an application, or of all for '*'.
func (q *queue) purgeCommand(app string) purged {
	key := noKey
	switch {
	case app == "*":
		app = ""
	case !q.hasApp(app):
		return purged{Error: &failure{fmt.Sprintf("Specified appId '%s' not found in the storage of queue '%s'.", app, q.uri)}}
	default:
		key = appKey(app)
	}
	m, n := q.purgeApps(app)
	return purged{Queue: &purgedInfo{URI: q.uri, App: app, Key: key, Messages: m, Bytes: n}}
}

// listing is what the command LIST asks for. A count of 0 means all.
type listing struct {
	app           string
	offset, count int
}

func parseList(w *words) (l listing, err error) {
	const command = "DOMAINS DOMAIN <name> QUEUE <queue_name> LIST [<appId>] <offset> <count>"
	if len(*w) > 2 {
		l.app = w.next()
	}
	offset, count := w.next(), w.next()
	number, err := strconv.ParseInt(offset, 10, 32)
	if err != nil {
		return l, bad("Invalid <offset> for %s: %s", command, offset)
	}
	l.offset, number = int(number), 0
	if !strings.EqualFold(count, "UNLIMITED") {
		if number, err = strconv.ParseInt(count, 10, 32); err != nil {
			return l, bad("Invalid <count> for %s: %s", command, count)
		}
	}
	l.count = int(number)
	return l, nil
}

// pick returns the range of n messages that is asked for. Like that of the official
// broker it may begin behind the last one.
func (l *listing) pick(n int) (from, to int) {
	from = l.offset
	if from < 0 {
		from = max(0, from+n)
	}
	count := l.count
	switch {
	case count == 0:
		count = n
	case count < 0:
		count = -max(count, -math.MaxInt32) // the smallest has no opposite where int is of 32 bits
		from = max(0, from-count)
	}
	return from, max(min(from, n), from+min(count, n-from))
}
