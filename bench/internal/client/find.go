package client

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/bmq-go/bmq"
	"github.com/bmq-go/bmq/bench/internal/job"
	"github.com/bmq-go/bmq/bench/internal/plan"
)

// Finder looks which clients there are. Dir is the folder of this module, which has the
// driver of the Python SDK and is built again for the native engine; Temp is for what is
// built.
type Finder struct {
	Dir, Temp string
	Missing   []string // clients that are not there, and why
}

// Find returns the clients that can run here.
func (f *Finder) Find(ctx context.Context) ([]*Client, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	engine := func(name string, borrowed bool) func(*job.Job) {
		return func(j *job.Job) { j.Engine, j.Borrowed = name, borrowed }
	}
	list := []*Client{
		goClient(plan.Portable, self, "client-go", engine("portable", false)),
		goClient(plan.Borrowed, self, "client-go", engine("portable", true)),
	}
	for _, c := range list {
		c.Version = fmt.Sprintf("bmq %s, %s", bmq.Version, runtime.Version())
	}
	for _, find := range []func(context.Context) (*Client, error){f.native, f.python, f.tool} {
		c, err := find(ctx)
		if err != nil {
			f.Missing = append(f.Missing, err.Error())
			continue
		}
		list = append(list, c)
	}
	for _, c := range floors(self) {
		c.Version = "the least Go that speaks the protocol, " + runtime.Version()
		list = append(list, c)
	}
	return list, nil
}

// native builds this program with the official C++ SDK.
func (f *Finder) native(ctx context.Context) (*Client, error) {
	env := append(os.Environ(), "CGO_ENABLED=1", "PKG_CONFIG_PATH="+
		strings.TrimPrefix(os.Getenv("PKG_CONFIG_PATH")+":/opt/bb/lib64/pkgconfig:/opt/bb/lib/pkgconfig", ":"))
	pkg := exec.CommandContext(ctx, "pkg-config", "--exists", "bmq")
	pkg.Env = env
	if pkg.Run() != nil {
		return nil, fmt.Errorf("%s: pkg-config finds no bmq, the official C++ SDK", plan.Native)
	}
	program := filepath.Join(f.Temp, "native")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "libbmq", "-o", program, ".")
	build.Dir, build.Env = f.Dir, env
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: it can't be built: %s", plan.Native, strings.ReplaceAll(tail(string(out)), "\n", " "))
	}
	// What bmq.pc says of the version is not what libbmq says.
	version, err := exec.CommandContext(ctx, program, "native-version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s: it does not start: %w", plan.Native, err)
	}
	c := goClient(plan.Native, program, "client-go", func(j *job.Job) { j.Engine = "native" })
	c.Version = fmt.Sprintf("bmq %s over libbmq %s", bmq.Version, strings.TrimSpace(string(version)))
	return c, nil
}

// python finds an interpreter with the official SDK: the one that BMQ_PYTHON names, or
// that of the repository's virtual environment.
func (f *Finder) python(ctx context.Context) (*Client, error) {
	interpreter := os.Getenv("BMQ_PYTHON")
	if interpreter == "" {
		interpreter = filepath.Join(f.Dir, "..", ".venv", "bin", "python")
	}
	version, err := exec.CommandContext(ctx, interpreter, "-c",
		"import blazingmq, platform; print('blazingmq', blazingmq.__version__ + ',', 'Python', platform.python_version())").Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %s has no blazingmq: make venv installs it", plan.Python, interpreter)
	}
	driver := filepath.Join(f.Dir, "python", "driver.py")
	return &Client{
		Name: plan.Python, Version: strings.TrimSpace(string(version)),
		run: func(ctx context.Context, j *job.Job) (*job.Result, error) {
			return process(ctx, j, interpreter, driver)
		},
	}, nil
}
