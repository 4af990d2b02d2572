package messaging_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/bmq-go/bmq/internal/proctest"
)

// official names the URI of a running official broker with the domains of the embedded
// one and bmq.test.mem.one, which allows a queue one producer and one consumer; tests of
// what brokers do run against it too.
const official = "BMQ_TEST_BROKER"

var officialURI = os.Getenv(official)

func TestMain(m *testing.M) {
	proctest.Main(map[string]func(){"router": routerProgram, "worker": workerProgram})
	goleak.VerifyTestMain(m)
}
