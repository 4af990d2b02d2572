package broker

import (
	"encoding/json"
	"net"

	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

// configJSON is what the broker is configured with, in the schema of bmqbrkrcfg.json
// as far as it has a place there. Passwords are left out.
func (b *Broker) configJSON() string {
	c := &b.config
	_, port, _ := net.SplitHostPort(b.Address())
	tcp := map[string]any{"name": "TCPInterface", "port": json.Number(orZero(port)), "heartbeatIntervalMs": c.Heartbeats.Interval.Milliseconds()}
	config := map[string]any{
		"brokerInstanceName": "default", "brokerVersion": ctrl.UnreleasedVersion, "hostName": b.hostName,
		"networkInterfaces":   map[string]any{"heartbeats": map[string]any{"client": c.Heartbeats.MaxMissed}, "tcpInterface": tcp},
		"messagePropertiesV2": map[string]any{"advertiseV2Support": !c.HidePropertiesEx},
		"configureStream":     !c.HideSubscriptions, "advertiseSubscriptions": !c.HideSubscriptions,
	}
	authentication := make(map[string]any)
	if len(c.Authentication.Users) > 0 {
		authentication["authenticators"] = []any{map[string]any{"name": basicAuthenticator}}
	}
	if c.Authentication.RefuseAnonymous {
		authentication["anonymousCredential"] = map[string]any{"disallow": empty{}}
	}
	if len(authentication) > 0 {
		config["authentication"] = authentication
	}
	return prettyJSON(config, 4)
}

func orZero(port string) string {
	if port == "" {
		return "0"
	}
	return port
}
