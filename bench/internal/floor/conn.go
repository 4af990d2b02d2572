// Package floor is a yardstick: the least Go that speaks the protocol. It shares no code
// with the client that is measured, has one connection that never heals, one queue, no
// properties and next to no checks. What it does not reach, the wire and the broker do
// not allow.
package floor

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

const (
	typeControl = 1
	typePut     = 2
	typeConfirm = 3
	typePush    = 4
	typeAck     = 5
	typePing    = 11

	eventHeader = 8
	version     = 0x40
	jsonCoded   = 0x20
)

type object = map[string]any

// conn is a connection to a broker.
type conn struct {
	net.Conn
	r    *bufio.Reader
	id   [6]byte // of this client, in each GUID
	body []byte
}

func dial(broker string) (*conn, error) {
	nc, err := net.Dial("tcp", strings.TrimPrefix(broker, "tcp://"))
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: nc, r: bufio.NewReaderSize(nc, 1<<20)}
	binary.BigEndian.PutUint32(c.id[2:], uint32(os.Getpid()))
	binary.BigEndian.PutUint16(c.id[:], uint16(time.Now().UnixNano()))
	err = c.request(object{"clientIdentity": object{
		"protocolVersion": 1, "sdkVersion": 999999, "clientType": "E_TCPCLIENT", "processName": "floor", "pid": os.Getpid(),
		"sessionId": 1, "hostName": "", "features": "PROTOCOL_ENCODING:JSON;MPS:MESSAGE_PROPERTIES_EX",
		"clusterName": "", "clusterNodeId": -1, "sdkLanguage": "E_CPP",
		"guidInfo": object{"clientId": fmt.Sprintf("%X", c.id[:]), "nanoSecondsFromEpoch": time.Now().UnixNano()},
	}})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// request sends a control message and waits for one to come back.
func (c *conn) request(v object) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	pad := 4 - len(b)%4
	for range pad {
		b = append(b, byte(pad))
	}
	if _, err := c.Write(append(header(nil, typeControl, len(b), jsonCoded), b...)); err != nil {
		return err
	}
	for {
		typ, body, err := c.next()
		if err != nil {
			return err
		}
		if typ != typeControl {
			continue
		}
		var answer struct{ Status *object }
		if json.Unmarshal(body[:len(body)-int(body[len(body)-1])], &answer) == nil && answer.Status != nil {
			return fmt.Errorf("the broker refused %v: %v", v, *answer.Status)
		}
		return nil
	}
}

func header(b []byte, typ byte, body int, flags byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(eventHeader+body))
	return append(b, version|typ, 2, flags, 0)
}

// next returns the next event, which is valid until the call after.
func (c *conn) next() (typ byte, body []byte, err error) {
	var h [eventHeader]byte
	if _, err := io.ReadFull(c.r, h[:]); err != nil {
		return 0, nil, err
	}
	n := int(binary.BigEndian.Uint32(h[:])) - eventHeader
	if cap(c.body) < n {
		c.body = make([]byte, n)
	}
	c.body = c.body[:n]
	if _, err := io.ReadFull(c.r, c.body); err != nil {
		return 0, nil, err
	}
	typ = h[4] & 0x3f
	if typ == typePing {
		if _, err := c.Write(header(nil, typePing+1, 0, 0)); err != nil {
			return 0, nil, err
		}
	}
	return typ, c.body, nil
}

// open opens the queue, as number 0.
func (c *conn) open(uri string, write, read bool) error {
	flags, reads, writes := 0, 0, 0
	if write {
		flags, writes = flags|4, 1
	}
	if read {
		flags, reads = flags|2, 1
	}
	return c.request(object{"rId": 1, "openQueue": object{"handleParameters": object{
		"uri": uri, "qId": 0, "flags": flags, "readCount": reads, "writeCount": writes, "adminCount": 0,
	}}})
}

// configure lets messages come. Some may come before the answer, which next returns with
// them.
func (c *conn) configure(messages, bytes int) error {
	b, err := json.Marshal(object{"rId": 2, "configureStream": object{"qId": 0, "streamParameters": object{
		"appId": "__default", "subscriptions": []any{object{
			"sId": 1, "expression": object{"version": "E_UNDEFINED", "text": ""},
			"consumers": []any{object{
				"maxUnconfirmedMessages": messages, "maxUnconfirmedBytes": bytes, "consumerPriority": 1, "consumerPriorityCount": 1,
			}},
		}},
	}}})
	if err != nil {
		return err
	}
	pad := 4 - len(b)%4
	for range pad {
		b = append(b, byte(pad))
	}
	_, err = c.Write(append(header(nil, typeControl, len(b), jsonCoded), b...))
	return err
}

var errRefused = errors.New("the broker refused a message")
