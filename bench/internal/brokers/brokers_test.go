package brokers

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThereIsAlwaysABroker(t *testing.T) {
	t.Setenv("BMQBRKR", filepath.Join(t.TempDir(), "none"))
	require.Equal(t, []string{Embedded}, Available())
	_, err := Start("other")
	require.ErrorContains(t, err, `no broker "other"`)
}
