package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bench/internal/client"
)

func TestFlags(t *testing.T) {
	var out bytes.Buffer
	o, err := parse([]string{"-run", "post", "-rounds", "7"}, &out)
	require.NoError(t, err)
	require.Equal(t, "post", o.pattern)
	require.Equal(t, 7, o.rounds)
	require.Equal(t, time.Second, o.time)
	o, err = parse([]string{"-quick"}, &out)
	require.NoError(t, err)
	require.Equal(t, quickTime, o.time)
	_, err = parse([]string{"post"}, &out)
	require.ErrorContains(t, err, `unknown argument "post"`)
	_, err = parse([]string{"-nope"}, &out)
	require.Error(t, err)
}

func TestShortRunHasOneBroker(t *testing.T) {
	all := func() []string { return []string{"official", "embedded"} }
	require.Equal(t, all(), (&options{}).chooseBrokers(all()))
	require.Equal(t, []string{"official"}, (&options{quick: true}).chooseBrokers(all()))
	require.Equal(t, []string{"embedded"}, (&options{quick: true, brokers: "embedded"}).chooseBrokers(all()))
}

func TestClientsAreChosenByWholeNames(t *testing.T) {
	all := []*client.Client{{Name: "floor"}, {Name: "floor-1"}, {Name: "c++"}}
	require.Len(t, chosen(all, ""), 3)
	require.Equal(t, all[1:], chosen(all, "c++,floor-1"))
}

func TestEarlierResultsMayBeMissing(t *testing.T) {
	set, err := load("no such file")
	require.NoError(t, err)
	require.Empty(t, set)
}
