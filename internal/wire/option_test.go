package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/wiretest"
)

func TestOptionsNameSubscriptions(t *testing.T) {
	unlimited := func(ids ...uint32) (refs []wire.SubscriptionRef) {
		for _, id := range ids {
			refs = append(refs, wire.SubscriptionRef{ID: id, RDA: wire.RDAUnlimited})
		}
		return refs
	}
	for name, c := range map[string]struct {
		options string
		want    []wire.SubscriptionRef
	}{
		"no options":                 {"", nil},
		"one id":                     {"04000002 00000001", unlimited(1)},
		"id 0":                       {"04000002 00000000", unlimited(0)},
		"several ids in their order": {"04000004 00000002 00000001 ffffffff", unlimited(2, 1, 1<<32-1)},
		"id that comes twice":        {"04000003 00000001 00000001", unlimited(1, 1)},
		"ids with attempts":          {"0c400005 00000001 80000000 00000002 43000000", []wire.SubscriptionRef{{ID: 1, RDA: 0x80}, {ID: 2, RDA: 0x43}}},
		"items of three words":       {"0c600004 00000001 05000000 eeeeeeee", []wire.SubscriptionRef{{ID: 1, RDA: 5}}},
		"packed attempts":            {"0e000080", unlimited(0)},
		"packed count":               {"0e000003", []wire.SubscriptionRef{{RDA: 3}}},
		"packed ids name none":       {"06000003", nil},
		"message group only":         {"08000003 67727031 04040404", nil},
		"packed message group":       {"0a000007", nil},
		"group before ids":           {"08000003 67727031 04040404 04000002 00000007", unlimited(7)},
		"ids before group":           {"04000002 00000007 08000002 67720202", unlimited(7)},
		"attempts win":               {"04000002 00000007 0c400003 00000009 05000000", []wire.SubscriptionRef{{ID: 9, RDA: 5}}},
		"attempts win before":        {"0c400003 00000009 05000000 04000002 00000007", []wire.SubscriptionRef{{ID: 9, RDA: 5}}},
		"packed attempts win":        {"04000002 00000007 0e000005", []wire.SubscriptionRef{{RDA: 5}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := wire.AppendSubscriptions(nil, wiretest.Hex(t, c.options))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			before := wire.SubscriptionRef{ID: 99}
			got, err = wire.AppendSubscriptions([]wire.SubscriptionRef{before}, wiretest.Hex(t, c.options))
			require.NoError(t, err)
			require.Equal(t, append([]wire.SubscriptionRef{before}, c.want...), got)
		})
	}
}

func TestOptionsThatDoNotFitAreRefused(t *testing.T) {
	for name, options := range map[string]string{
		"half a header":           "0400",
		"half a header behind":    "04000002 00000001 0400",
		"no type":                 "00000002 00000001",
		"type nobody knows":       "10000002 00000001",
		"highest type":            "fc000002 00000001",
		"one type twice":          "04000002 00000001 04000002 00000002",
		"one type twice, packed":  "0e000001 0e000001",
		"without body":            "04000001",
		"of no word":              "04000000",
		"words beyond the area":   "04000003 00000001",
		"all words":               "041fffff 00000001",
		"items of no word":        "0c000003 00000001 80000000",
		"items of one word":       "0c200003 00000001 80000000",
		"no whole number of them": "0c400004 00000001 80000000 00000002",
	} {
		_, err := wire.AppendSubscriptions(nil, wiretest.Hex(t, options))
		require.ErrorIs(t, err, wire.ErrMalformed, name)
	}
}

func TestOptionsAreWrittenAsTheyAreRead(t *testing.T) {
	require.Equal(t, wiretest.Hex(t, "04000002 00000001"), wire.AppendSubQueueIDs(nil, 1))
	require.Equal(t, wiretest.Hex(t, "ee 04000003 00000002 00000001"), wire.AppendSubQueueIDs([]byte{0xee}, 2, 1))
	require.Equal(t, 12, wire.SubQueueIDsSize(2))
	refs := []wire.SubscriptionRef{{ID: 1, RDA: wire.RDAUnlimited}, {ID: 1<<32 - 1, RDA: 0x43}}
	options := wire.AppendSubQueueInfos(nil, refs...)
	require.Equal(t, wiretest.Hex(t, "0c400005 00000001 80000000 ffffffff 43000000"), options)
	got, err := wire.AppendSubscriptions(nil, options)
	require.NoError(t, err)
	require.Equal(t, refs, got)
}
