package worktest

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	_ = os.Unsetenv("BMQ_BROKER_URI") // tests have brokers of their own
	goleak.VerifyTestMain(m)
}
