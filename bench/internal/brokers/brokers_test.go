package brokers

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bmqtest"
)

func TestConfigurationOfTheOfficialBrokerIsThatOfTheEmbeddedOne(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writeConfig(dir, 12345))
	for _, name := range []string{"bmqbrkrcfg.json", "clusters.json", filepath.Join("domains", "bench.fanout.json")} {
		text, err := os.ReadFile(filepath.Join(dir, "etc", name))
		require.NoError(t, err)
		require.True(t, json.Valid(text), "%s:\n%s", name, text)
	}
	b := bmqtest.Start(t, bmqtest.WithConfigDir(filepath.Join(dir, "etc")), bmqtest.WithListenAddress("127.0.0.1:0"))
	for _, want := range Domains {
		got, ok := b.Domain(want.Name)
		require.True(t, ok, want.Name)
		require.Equal(t, want.Mode, got.Mode)
		require.Equal(t, want.AppIDs, got.AppIDs)
	}
}

func TestThereIsAlwaysABroker(t *testing.T) {
	t.Setenv("BMQBRKR", filepath.Join(t.TempDir(), "none"))
	require.Equal(t, []string{Embedded}, Available())
	_, err := Start("other")
	require.ErrorContains(t, err, `no broker "other"`)
}
