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
	choose := func(o options) []string {
		list, err := o.chooseBrokers(all())
		require.NoError(t, err)
		return list
	}
	require.Equal(t, all(), choose(options{}))
	require.Equal(t, []string{"official"}, choose(options{quick: true}))
	require.Equal(t, []string{"embedded"}, choose(options{quick: true, brokers: "embedded"}))
	_, err := (&options{brokers: "official"}).chooseBrokers([]string{"embedded"})
	require.ErrorContains(t, err, `no "official" here`)
}

func TestClientsAreChosenByWholeNames(t *testing.T) {
	all := []*client.Client{{Name: "floor"}, {Name: "floor-1"}, {Name: "c++"}}
	list, err := chosen(all, "")
	require.NoError(t, err)
	require.Equal(t, all, list)
	list, err = chosen(all, "c++,floor-1")
	require.NoError(t, err)
	require.Equal(t, all[1:], list)
	_, err = chosen(all, "floor,flor")
	require.ErrorContains(t, err, `no "flor" here`)
}

func TestEarlierResultsMayBeMissing(t *testing.T) {
	set, err := load("no such file")
	require.NoError(t, err)
	require.Empty(t, set)
}
