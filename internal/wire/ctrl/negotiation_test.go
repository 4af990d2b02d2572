package ctrl_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func TestHasFeatureReadsFeatureStringsAsTheBrokerDoes(t *testing.T) {
	for _, c := range []struct {
		features, field, value string
		want                   bool
	}{
		{"", "MPS", "MESSAGE_PROPERTIES_EX", false},
		{clientFeatures, "MPS", "MESSAGE_PROPERTIES_EX", true},
		{clientFeatures, "PROTOCOL_ENCODING", "BER", true},
		{clientFeatures, "PROTOCOL_ENCODING", "JSON", true},
		{clientFeatures, "PROTOCOL_ENCODING", "XML", false},
		{clientFeatures, "SUBSCRIPTIONS", "CONFIGURE_STREAM", false},
		{brokerFeatures, "SUBSCRIPTIONS", "CONFIGURE_STREAM", true},
		{"A:x;B:y", "B", "y", true},
		{"A:x;B:y", "A", "y", false},
		{"A:xy", "A", "x", false},
		{"AB:x", "A", "x", false},
		{"A:x", "a", "x", false},
		{"A: x", "A", "x", false},
		{"A", "A", "x", false},
		{"A;B:y", "B", "y", true},
		{"A;A:x", "A", "x", false},
		{"A:x;A:y", "A", "y", false},
		{"A:x;;B:y;", "B", "y", true},
		{"A:x,,y,", "A", "y", true},
		{"A:x:y", "A", "x:y", true},
		{"A:;B:y", "B", "y", false},
		{"A:;B:y", "A", "y", false},
		{":;B:y", "B", "y", false},
		{"B:y;A:", "B", "y", true},
	} {
		t.Run(fmt.Sprintf("%s has %s:%s", c.features, c.field, c.value), func(t *testing.T) {
			require.Equal(t, c.want, ctrl.HasFeature(c.features, c.field, c.value))
		})
	}
}

func TestEnumeratorsHaveTheNamesOfTheSchema(t *testing.T) {
	for _, c := range []struct {
		value fmt.Stringer
		name  string
	}{
		{ctrl.StatusSuccess, "E_SUCCESS"},
		{ctrl.StatusUnknown, "E_UNKNOWN"},
		{ctrl.StatusTimeout, "E_TIMEOUT"},
		{ctrl.StatusNotConnected, "E_NOT_CONNECTED"},
		{ctrl.StatusCanceled, "E_CANCELED"},
		{ctrl.StatusNotSupported, "E_NOT_SUPPORTED"},
		{ctrl.StatusRefused, "E_REFUSED"},
		{ctrl.StatusInvalidArgument, "E_INVALID_ARGUMENT"},
		{ctrl.StatusNotReady, "E_NOT_READY"},
		{ctrl.StatusCategory(-9), "ctrl.StatusCategory(-9)"},
		{ctrl.ClientUnknown, "E_UNKNOWN"},
		{ctrl.ClientTCPClient, "E_TCPCLIENT"},
		{ctrl.ClientTCPBroker, "E_TCPBROKER"},
		{ctrl.ClientTCPAdmin, "E_TCPADMIN"},
		{ctrl.ClientType(4), "ctrl.ClientType(4)"},
		{ctrl.LanguageUnknown, "E_UNKNOWN"},
		{ctrl.LanguageCPP, "E_CPP"},
		{ctrl.LanguageJava, "E_JAVA"},
		{ctrl.ClientLanguage(3), "ctrl.ClientLanguage(3)"},
		{ctrl.ExpressionUndefined, "E_UNDEFINED"},
		{ctrl.ExpressionVersion1, "E_VERSION_1"},
		{ctrl.ExpressionVersion(2), "ctrl.ExpressionVersion(2)"},
	} {
		require.Equal(t, c.name, c.value.String())
	}
}
