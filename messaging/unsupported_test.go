package messaging_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/messaging"
)

func TestWhatBrokersCanNotDoHasAnAnswer(t *testing.T) {
	require.NotEmpty(t, messaging.UnsupportedFeatures())
	for _, feature := range messaging.UnsupportedFeatures() {
		err := messaging.Unsupported(feature)
		require.ErrorIs(t, err, errors.ErrUnsupported)
		var answer *messaging.UnsupportedError
		require.ErrorAs(t, err, &answer)
		require.Equal(t, feature, answer.Feature)
		require.NotEmpty(t, answer.Reason)
		require.NotEmpty(t, answer.Instead)
		require.Equal(t, "messaging: "+feature+": "+answer.Reason+"; "+answer.Instead, err.Error())
	}
	require.NoError(t, messaging.Unsupported("publish"))
	require.ErrorContains(t, messaging.Unsupported("tx_commit"), "no transactions")
}
