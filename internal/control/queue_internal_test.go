package control

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
)

func TestAPropertyOfAnUnknownTypeIsShown(t *testing.T) {
	p := wire.RawProperty{Name: []byte("x"), Type: 9, Value: []byte{1, 2}}
	require.Equal(t, propertyView{Name: "x", Type: "type 9", Value: []byte{1, 2}}, newPropertyView(&p))
}
