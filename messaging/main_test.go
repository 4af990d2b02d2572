package messaging_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(map[string]func(){"router": routerProgram, "worker": workerProgram})
	goleak.VerifyTestMain(m)
}
