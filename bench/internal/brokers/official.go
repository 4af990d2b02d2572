package brokers

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"text/template"
	"time"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/sessionevents"
)

// Official is the name of the official broker.
const Official = "official"

// startTimeout is how long the official broker may take until it answers, and to end.
const startTimeout = 30 * time.Second

//go:embed official/*.json
var officialFiles embed.FS

// officialProgram finds the official broker: BMQBRKR names it, or it is on PATH. An empty
// name means that there is none.
func officialProgram() string {
	name := os.Getenv("BMQBRKR")
	if name == "" {
		name = "bmqbrkr.tsk"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// startOfficial runs the official broker as a cluster of one node, with its files in a
// folder of its own.
func startOfficial() (*Broker, error) {
	dir, err := os.MkdirTemp("", "bmq-bench-broker-")
	if err != nil {
		return nil, err
	}
	b, err := launch(dir)
	if err != nil {
		output, _ := os.ReadFile(filepath.Join(dir, "output")) // there may be none
		return nil, errors.Join(fmt.Errorf("the official broker does not start: %w: %s", err, output), os.RemoveAll(dir))
	}
	return b, nil
}

func launch(dir string) (*Broker, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	if err := writeConfig(dir, port); err != nil {
		return nil, err
	}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()
	cmd := exec.Command(officialProgram(), filepath.Join(dir, "etc"))
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "BMQ_PREFIX="+dir+"/")
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b := &Broker{Name: Official, URI: fmt.Sprintf("tcp://127.0.0.1:%d", port), cmd: cmd}
	b.stop = func() error { return errors.Join(end(cmd), os.RemoveAll(dir)) }
	if err := answers(b.URI); err != nil {
		return nil, errors.Join(err, end(cmd))
	}
	return b, nil
}

// freePort returns a port that is free now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// end asks a process to end, and makes it.
func end(cmd *exec.Cmd) error {
	kill := time.AfterFunc(startTimeout, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	err := cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait() // it was told to end: how it does says nothing
	return err
}

// answers waits until a queue can be opened.
func answers(uri string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s, err := bmq.NewSession(ctx, func(sessionevents.SessionEvent) {}, bmq.WithBroker(uri), bmq.WithEngine(bmq.EnginePortable),
		bmq.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	defer s.Close()
	return s.OpenQueue(ctx, "bmq://"+Domains[0].Name+"/ready", bmq.WithWrite())
}

// writeConfig fills in the templates.
func writeConfig(dir string, port int) error {
	for _, sub := range []string{"etc/domains", "logs", "storage", "archive"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	place := map[string]any{"Dir": dir, "Port": port}
	errs := []error{
		fill(filepath.Join(dir, "etc", "bmqbrkrcfg.json"), "bmqbrkrcfg.json", place),
		fill(filepath.Join(dir, "etc", "clusters.json"), "clusters.json", place),
	}
	for _, d := range Domains {
		errs = append(errs, fill(filepath.Join(dir, "etc", "domains", d.Name+".json"), "domain.json", d))
	}
	return errors.Join(errs...)
}

func fill(path, name string, data any) error {
	t := template.New(name).Funcs(template.FuncMap{"json": func(v any) (string, error) {
		b, err := json.Marshal(v)
		return string(b), err
	}})
	t, err := t.ParseFS(officialFiles, "official/"+name)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(t.Execute(f, data), f.Close())
}
