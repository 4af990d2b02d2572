package broker

import (
	"fmt"
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

// keyword takes a word in upper case.
func (w *words) keyword() string { return strings.ToUpper(w.next()) }

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

// Admin runs a command and returns what it prints.
func (b *Broker) Admin(command string) string {
	w := words(strings.Fields(command))
	if len(w) == 0 {
		return undecodable("Empty input")
	}
	text, err := b.run(w)
	if err != nil {
		return undecodable(err.Error())
	}
	return text
}

func undecodable(reason string) string {
	return fmt.Sprintf("Unable to decode command (rc: -1, error: '%s')", reason)
}

const adminHelp = `This process responds to the following CMD subcommands:
    HELP
        List the commands
    BROKERCONFIG DUMP
        Print the configuration of the broker
    DOMAINS DOMAIN <name> PURGE
        Drop all messages of the queues of a domain
    DOMAINS DOMAIN <name> INFOS
        Print the configuration and the queues of a domain
    DOMAINS DOMAIN <name> QUEUE <queue_name> PURGE <appId>
        Drop the messages of an application, or of the whole queue for '*'
    DOMAINS DOMAIN <name> QUEUE <queue_name> INTERNALS
        Print the state of a queue
    DOMAINS DOMAIN <name> QUEUE <queue_name> LIST [<appId>] <offset> <count>
        Print 'count' messages from 'offset' on. A negative offset counts from the end, a negative count goes backwards, UNLIMITED is all
    DOMAINS RECONFIGURE <domain>
        Read the configuration of a domain again
    STAT SHOW
        Print statistics
    CLUSTERS LIST
        List the clusters
`

func (b *Broker) run(w words) (string, error) {
	switch word := w.next(); strings.ToUpper(word) {
	case "HELP":
		if k := w.keyword(); k != "" && k != "PLUMBING" {
			return "", bad("Invalid HELP subcommand: %s", k)
		}
		return adminHelp, w.end()
	case "BROKERCONFIG":
		if k := w.next(); !strings.EqualFold(k, "DUMP") {
			return "", bad("Unexpected BROKERCONFIG subcommand: %s", k)
		}
		return b.printConfig(), w.end()
	case "DOMAINS":
		return b.runDomains(w)
	case "STAT":
		if k := w.next(); !strings.EqualFold(k, "SHOW") {
			return "", bad("Unexpected STAT subcommand: %s", k)
		}
		if err := w.end(); err != nil {
			return "", err
		}
		return b.printStats(), nil
	case "CLUSTERS":
		if k := w.next(); !strings.EqualFold(k, "LIST") {
			return "", bad("Invalid CLUSTERS subcommand: %s", k)
		}
		return "The following clusters are active:\n    [LOCAL ] local:\n        localhost           0      UNSPECIFIED   \n", w.end()
	default:
		return "", bad("Invalid command. Send \"HELP\" for list of commands. Invalid command word: %s", word)
	}
}

func (b *Broker) runDomains(w words) (string, error) {
	switch k := w.next(); strings.ToUpper(k) {
	case "DOMAIN":
		return b.runDomain(w)
	case "RECONFIGURE":
		name := w.next()
		if err := w.end(); err != nil {
			return "", err
		}
		return b.reload(name), nil
	default:
		return "", bad("Invalid DOMAINS subcommand: %s", k)
	}
}

// reload reads the configuration of a domain again from where it came.
func (b *Broker) reload(name string) string {
	if b.config.Reload == nil {
		return "The broker was not configured from a directory"
	}
	d, err := b.config.Reload(name)
	if err == nil {
		err = b.Reconfigure(d)
	}
	if err != nil {
		return err.Error()
	}
	return "SUCCESS"
}

func (b *Broker) runDomain(w words) (string, error) {
	name, sub := w.next(), w.next()
	switch k := strings.ToUpper(sub); k {
	case "PURGE", "INFOS":
		if err := w.end(); err != nil {
			return "", err
		}
		d := b.existing(name)
		switch {
		case d == nil:
			return fmt.Sprintf("Domain '%s' doesn't exist", name), nil
		case k == "INFOS":
			return d.print(), nil
		}
		return printPurged(d.list(), ""), nil
	case "QUEUE":
		return b.runQueue(name, w)
	default:
		return "", bad("Invalid DOMAIN subcommand: %s", sub)
	}
}

func (b *Broker) existing(name string) *domain {
	d, failed := b.domainFor(name)
	if failed != nil {
		return nil
	}
	return d
}

func (b *Broker) runQueue(domainName string, w words) (string, error) {
	name, sub := w.next(), w.next()
	var action func(*queue) string
	switch k := strings.ToUpper(sub); k {
	case "INTERNALS":
		action = (*queue).print
	case "PURGE":
		app := w.next()
		action = func(q *queue) string { return q.purgeCommand(app) }
	case "LIST":
		l, err := parseList(&w)
		if err != nil {
			return "", err
		}
		action = l.print
	default:
		return "", bad("Invalid DOMAINS DOMAIN <name> QUEUE <queue_name> subcommand: %s", sub)
	}
	if err := w.end(); err != nil {
		return "", err
	}
	d := b.existing(domainName)
	if d == nil {
		return fmt.Sprintf("Domain '%s' doesn't exist", domainName), nil
	}
	q := d.find(name)
	if q == nil {
		return fmt.Sprintf("Queue '%s' was not found on domain '%s'", name, domainName), nil
	}
	return action(q), nil
}

func (q *queue) purgeCommand(app string) string {
	if app != "*" && q.hasApp(app) {
		return printPurged([]*queue{q}, app)
	}
	if app != "*" {
		return fmt.Sprintf("Unable to purge appId '%s' of queue '%s': there is no such appId", app, q.uri)
	}
	return printPurged([]*queue{q}, "")
}

// listing is what the command LIST asks for.
type listing struct {
	app           string
	offset, count int
	unlimited     bool
}

func parseList(w *words) (l listing, err error) {
	if len(*w) > 2 {
		l.app = w.next()
	}
	offset, count := w.next(), w.next()
	if l.offset, err = strconv.Atoi(offset); err != nil {
		return l, bad("Invalid <offset> for DOMAINS DOMAIN <name> QUEUE <queue_name> LIST: %s", offset)
	}
	if l.unlimited = strings.EqualFold(count, "UNLIMITED"); l.unlimited {
		return l, nil
	}
	if l.count, err = strconv.Atoi(count); err != nil {
		return l, bad("Invalid <count> for DOMAINS DOMAIN <name> QUEUE <queue_name> LIST: %s", count)
	}
	return l, nil
}

// pick returns the range of n messages that is asked for.
func (l *listing) pick(n int) (from, to int) {
	from = l.offset
	if from < 0 {
		from += n
	}
	from = min(max(0, from), n)
	switch {
	case l.unlimited:
		return from, n
	case l.count < 0:
		return max(0, from+l.count), from
	}
	return from, min(n, from+l.count)
}
