package wire

import "encoding/binary"

// OptionType is the kind of an option of a PUT or PUSH message.
type OptionType uint8

// The option types of the protocol.
const (
	OptionSubQueueIDsOld OptionType = 1
	OptionMsgGroupID     OptionType = 2
	OptionSubQueueInfos  OptionType = 3
)

const (
	optionHeaderSize = 4
	subQueueInfoSize = 8
	maxOptionWords   = 1<<21 - 1
)

// RDAUnlimited is the "remaining delivery attempts" of a message that may be
// delivered any number of times.
const RDAUnlimited uint8 = 0x80

// SubscriptionRef names the subscription for which a PUSH message was sent.
type SubscriptionRef struct {
	ID  uint32 // the sId of configureStream, or the subId of configureQueueStream
	RDA uint8  // remaining delivery attempts; RDAUnlimited where the option has none
}

// SubQueueIDsSize is the size in bytes of the option that lists n subscription ids.
func SubQueueIDsSize(n int) int { return optionHeaderSize + n*wordSize }

// AppendSubQueueIDs appends the option that lists subscription ids, in the form
// that brokers send to clients.
func AppendSubQueueIDs(dst []byte, ids ...uint32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(OptionSubQueueIDsOld)<<26|uint32(1+len(ids)))
	for _, id := range ids {
		dst = binary.BigEndian.AppendUint32(dst, id)
	}
	return dst
}

// AppendSubQueueInfos appends the option that lists subscription ids with their
// remaining delivery attempts, in the form that brokers exchange.
func AppendSubQueueInfos(dst []byte, refs ...SubscriptionRef) []byte {
	words := uint32(optionHeaderSize+len(refs)*subQueueInfoSize) / wordSize
	dst = binary.BigEndian.AppendUint32(dst, uint32(OptionSubQueueInfos)<<26|subQueueInfoSize/wordSize<<21|words)
	for _, ref := range refs {
		dst = binary.BigEndian.AppendUint32(dst, ref.ID)
		dst = append(dst, ref.RDA, 0, 0, 0)
	}
	return dst
}

// AppendSubscriptions appends to refs the subscriptions that the options of a PUSH
// message name, in their order. Without such an option it appends none: the
// message is then for the queue as a whole. An option with delivery attempts takes
// precedence over one without.
func AppendSubscriptions(refs []SubscriptionRef, options []byte) ([]SubscriptionRef, error) {
	start := len(refs)
	var seen [OptionSubQueueInfos + 1]bool
	for len(options) > 0 {
		if len(options) < optionHeaderSize {
			return refs, malformed("%d bytes of options are no option", len(options))
		}
		head := be32(options)
		typ, packed := OptionType(head>>26), head>>25&1 == 1
		specific, words := int(head>>21&0xf), int(head&maxOptionWords)
		if typ == 0 || int(typ) >= len(seen) || seen[typ] {
			return refs, malformed("unknown or repeated option of type %d", typ)
		}
		seen[typ] = true
		size := words * wordSize
		if packed {
			size = optionHeaderSize
		}
		if size < optionHeaderSize || size > len(options) || !packed && size == optionHeaderSize {
			return refs, malformed("option of type %d with %d bytes of %d", typ, size, len(options))
		}
		body := options[optionHeaderSize:size]
		options = options[size:]
		switch {
		case typ == OptionSubQueueInfos && packed:
			refs = append(refs[:start], SubscriptionRef{RDA: uint8(words)})
		case typ == OptionSubQueueInfos:
			item := specific * wordSize
			if item < subQueueInfoSize || len(body)%item != 0 {
				return refs, malformed("option with %d bytes in items of %d", len(body), item)
			}
			for refs = refs[:start]; len(body) > 0; body = body[item:] {
				refs = append(refs, SubscriptionRef{ID: be32(body), RDA: body[wordSize]})
			}
		case typ == OptionSubQueueIDsOld && !seen[OptionSubQueueInfos]:
			for ; len(body) > 0; body = body[wordSize:] {
				refs = append(refs, SubscriptionRef{ID: be32(body), RDA: RDAUnlimited})
			}
		}
	}
	return refs, nil
}
