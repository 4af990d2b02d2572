package brokers

import (
	"github.com/bmq-go/bmq/internal/officialbroker"
)

// Official is the name of the official broker.
const Official = "official"

func startOfficial() (*Broker, error) {
	b, err := officialbroker.Start(officialbroker.Config{Domains: Domains})
	if err != nil {
		return nil, err
	}
	return &Broker{Name: Official, URI: b.URI(), stop: b.Close}, nil
}
