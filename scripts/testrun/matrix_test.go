package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheMatrixOfConformanceIsSummedUp(t *testing.T) {
	var out bytes.Buffer
	r := newReport(&out)
	for _, text := range []string{
		"PASS\n", "behaviour      portable x embedded  portable x official\n", "posting/a      passed               passed             \n",
		"posting/b      n/a                  FAILED             \n", "posting/c      n/a                  passed             \n", "\n",
		"portable x embedded: 1 passed, 0 failed, 2 not applicable\n", "portable x official: 2 passed, 1 failed, 0 not applicable\n",
		"native x embedded: not run: there is none\n", "\nnot applicable:\n", "- portable x embedded: no process: none at all: posting/b, posting/c\n",
		"ok  \tgithub.com/bmq-go/bmq/internal/enginetest\t1.0s\n",
	} {
		r.event(&event{Action: "output", Package: conformance, Output: text})
	}
	r.event(&event{Action: "pass", Package: conformance, Elapsed: 1})
	out.Reset()
	r.summary()
	require.Contains(t, out.String(), `
conformance   portable x embedded: 1 passed, 0 failed, 2 not applicable
conformance   portable x official: 2 passed, 1 failed, 0 not applicable
conformance   native x embedded: not run: there is none
  n/a         portable x embedded: no process: none at all: 2 behaviours
`)
	require.NotContains(t, out.String(), "posting/a")
	r.table = true
	out.Reset()
	r.summary()
	require.Contains(t, out.String(), "\nposting/b      n/a                  FAILED\n")
}
