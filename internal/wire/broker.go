package wire

import (
	"net"
	"strconv"
	"strings"
)

// BrokerScheme is what the URI of a broker begins with.
const BrokerScheme = "tcp://"

// BrokerAddress returns host:port of a broker's URI, tcp://host:port, which may have a
// slash at the end. It answers false for anything else.
func BrokerAddress(uri string) (address string, ok bool) {
	address, ok = strings.CutPrefix(strings.TrimSuffix(uri, "/"), BrokerScheme)
	host, port, err := net.SplitHostPort(address)
	n, portErr := strconv.ParseUint(port, 10, 16)
	return address, ok && err == nil && host != "" && portErr == nil && n != 0
}
