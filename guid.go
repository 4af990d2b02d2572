package bmq

import "github.com/bmq-go/bmq/internal/wire"

// MessageGUID identifies a message in its queue. A message keeps its GUID through
// retransmission and redelivery.
type MessageGUID [16]byte

// ParseMessageGUID reads the 32 hexadecimal digits that String returns.
func ParseMessageGUID(s string) (MessageGUID, error) {
	g, err := wire.ParseGUID(s)
	if err != nil {
		return MessageGUID{}, &Error{Op: opConfirm, Err: ErrInvalidGUID, detail: "Invalid GUID provided: " + err.Error()}
	}
	return MessageGUID(g), nil
}

// String returns 32 upper-case hexadecimal digits.
func (g MessageGUID) String() string { return wire.GUID(g).String() }

// IsZero tells whether g is unset.
func (g MessageGUID) IsZero() bool { return g == MessageGUID{} }
