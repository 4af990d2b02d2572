// Package ports holds ports of the loopback interface for those who listen on them later, or
// not at all: a port that is merely free for the moment may be gone when it is needed.
package ports

import (
	"errors"
	"io"
	"net"
)

// Free returns a free port of 127.0.0.1, where nobody listens. It is nobody else's until held
// is closed; whoever asks for it by its number may listen on it, also in another process. On
// other systems than Linux it is merely free for the moment.
func Free() (port int, held io.Closer, err error) {
	address, file := Reserve("127.0.0.1:0")
	held = file
	if file == nil {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return 0, nil, err
		}
		held, address = nothing{}, l.Addr().String()
		if err := l.Close(); err != nil {
			return 0, nil, err
		}
	}
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return 0, nil, errors.Join(err, held.Close())
	}
	return addr.Port, held, nil
}

type nothing struct{}

func (nothing) Close() error { return nil }
