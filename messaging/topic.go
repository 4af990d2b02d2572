package messaging

import (
	"strconv"
	"strings"

	"github.com/bmq-go/bmq"
)

// topicMatches tells whether a pattern matches a key. Its work is bounded by the product
// of their lengths, whatever they are.
func topicMatches(pattern, key string) bool {
	words := strings.Split(pattern, ".")
	rest := strings.Split(key, ".")
	if key == "" {
		rest = nil
	}
	// possible[i] tells whether the words of the pattern so far match the first i of key.
	possible := make([]bool, len(rest)+1)
	possible[0] = true
	if pattern == "" {
		words = nil
	}
	for _, word := range words {
		if word == "#" {
			for i := 1; i <= len(rest); i++ {
				possible[i] = possible[i] || possible[i-1]
			}
			continue
		}
		for i := len(rest); i > 0; i-- {
			possible[i] = possible[i-1] && (word == "*" || word == rest[i-1])
		}
		possible[0] = false
	}
	return possible[len(rest)]
}

// TopicSubscription returns a subscription by which the broker itself selects the
// messages of a queue by routing key. Its expressions compare whole values, so that the
// pattern has to be a plain key, or "#" for all: else the error is an UnsupportedError,
// and a Topic exchange in the producer is what does it.
func TopicSubscription(pattern string) (bmq.Subscription, error) {
	switch {
	case pattern == "#":
		return bmq.Subscription{}, nil
	case strings.ContainsAny(pattern, "*#") || strings.ContainsAny(pattern, "\"\\\n"):
		return bmq.Subscription{}, unsupported("topic")
	}
	return bmq.Subscription{Expression: propKey + " == " + strconv.Quote(pattern)}, nil
}
