package slab_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bmq-go/bmq/internal/slab"
)

func TestNumberLeadsToItsValueOnce(t *testing.T) {
	var s slab.Slab[string]
	a, b := s.Add("a"), s.Add("b")
	require.NotZero(t, a)
	require.NotEqual(t, a, b)
	*s.At(a) += "bc"
	v, ok := s.Take(a)
	require.True(t, ok)
	require.Equal(t, "abc", v)
	require.Nil(t, s.At(a))
	_, ok = s.Take(a)
	require.False(t, ok)
	require.Equal(t, 1, s.Len())
}

func TestNumberOfAPlaceThatIsUsedAgainIsAnother(t *testing.T) {
	var s slab.Slab[int]
	old := s.Add(1)
	_, _ = s.Take(old)
	again := s.Add(2)
	require.NotEqual(t, old, again)
	_, ok := s.Take(old)
	require.False(t, ok)
	v, ok := s.Take(again)
	require.True(t, ok)
	require.Equal(t, 2, v)
}

func TestNumbersStayPositive(t *testing.T) {
	var s slab.Slab[int]
	for range 1000 {
		n := s.Add(0)
		require.Positive(t, int64(n))
		_, _ = s.Take(n)
	}
}

func TestNumbersNeverGivenHaveNoValue(t *testing.T) {
	var s slab.Slab[int]
	s.Add(1)
	for _, n := range []uint64{0, 2, 1<<32 | 1, ^uint64(0)} {
		_, ok := s.Take(n)
		require.False(t, ok, n)
	}
}

func TestMemoryOfARushIsGivenBackAndItsNumbersStayInvalid(t *testing.T) {
	var s slab.Slab[int]
	var numbers []uint64
	for i := range 10000 {
		numbers = append(numbers, s.Add(i))
	}
	for _, n := range numbers {
		_, ok := s.Take(n)
		require.True(t, ok)
	}
	for i := range 10000 {
		s.Add(i)
	}
	for _, n := range numbers {
		_, ok := s.Take(n)
		require.False(t, ok)
	}
}

func TestSlabAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s slab.Slab[int]
		model := make(map[uint64]int)
		var given []uint64
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				v := rapid.IntRange(0, 9).Draw(t, "value")
				n := s.Add(v)
				_, twice := model[n]
				require.False(t, twice)
				model[n] = v
				given = append(given, n)
			},
			"take": func(t *rapid.T) {
				if len(given) == 0 {
					t.Skip()
				}
				n := rapid.SampledFrom(given).Draw(t, "number")
				want, there := model[n]
				v, ok := s.Take(n)
				require.Equal(t, there, ok)
				require.Equal(t, want, v)
				delete(model, n)
			},
			"take all of a value": func(t *rapid.T) {
				v := rapid.IntRange(0, 9).Draw(t, "value")
				taken := s.TakeAll(func(x int) bool { return x == v })
				for n, w := range model {
					if w == v {
						delete(model, n)
						taken = taken[1:]
					}
				}
				require.Empty(t, taken)
			},
			"": func(t *rapid.T) { require.Equal(t, len(model), s.Len()) },
		})
	})
}

func BenchmarkAddTake(b *testing.B) {
	var s slab.Slab[*int]
	for b.Loop() {
		_, _ = s.Take(s.Add(nil))
	}
}
