package plan_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/bench/internal/job"
	"github.com/bmq-go/bmq/bench/internal/plan"
)

func TestScenariosAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range plan.All() {
		require.False(t, seen[s.Name], "%s is there twice", s.Name)
		seen[s.Name] = true
		require.NotEmpty(t, s.Clients, s.Name)
		for _, c := range s.Clients {
			require.Contains(t, plan.Clients, c, s.Name)
		}
		if s.Of != "" {
			require.True(t, seen[s.Of], "%s needs the rate of %s, which has to come before", s.Name, s.Of)
		}
		if s.Job.Kind == job.Paced {
			require.True(t, s.Of != "" || s.Job.Rate > 0, "%s has no rate", s.Name)
			require.GreaterOrEqual(t, s.Job.Size, 8, "a message says when it was due")
		}
	}
}

func TestSelectTakesWhatMatchesAndWhatThatNeeds(t *testing.T) {
	names := func(pattern string, quick bool) (list []string) {
		scenarios, err := plan.Select(plan.All(), pattern, quick)
		require.NoError(t, err)
		for _, s := range scenarios {
			list = append(list, s.Name)
		}
		return list
	}
	require.Equal(t, []string{"exchange/1KiB", "latency/at-50%"}, names("at-50%", false))
	require.Len(t, names("", false), len(plan.All()))
	quick := names("", true)
	require.Less(t, len(quick), 10)
	require.True(t, slices.Contains(quick, "post/1KiB") && slices.Contains(quick, "consume/1KiB"))
	_, err := plan.Select(plan.All(), "nothing of that name", false)
	require.ErrorContains(t, err, "-list")
	_, err = plan.Select(plan.All(), "(", false)
	require.ErrorContains(t, err, "-run")
}
