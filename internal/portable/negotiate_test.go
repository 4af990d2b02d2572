package portable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func TestTheIdentityOfASession(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.cfg.UserAgent = "agent"
		sc.begin()
		l := sc.accept()
		id := l.negotiate()
		require.Equal(t, ctrl.ClientTCPClient, id.ClientType)
		require.Equal(t, ctrl.LanguageCPP, id.SDKLanguage)
		require.Equal(t, "PROTOCOL_ENCODING:BER,JSON;MPS:MESSAGE_PROPERTIES_EX", id.Features)
		require.Regexp(t, "^[0-9A-F]{12}$", id.GUIDInfo.ClientID)
		require.Equal(t, "test", id.ProcessName)
		require.Equal(t, "agent", id.UserAgent)
		c := l.open2(sc, "q")
		c.posts("m")
		guid := l.puts()[0].GUID.String()
		require.Equal(t, id.GUIDInfo.ClientID, guid[20:], "GUIDs name their maker")
		l.drop()
		again := sc.accept().negotiate()
		require.Equal(t, id, again, "on each connection the same")
	})
}

func (l *link) open2(sc *scene, name string) *client {
	sc.expect("CONNECTED", "start ok")
	return l.open(name, writer)
}

func TestNothingButTheIdentityIsSentBeforeTheBrokerAgrees(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.begin()
		l := sc.accept()
		l.identity()
		l.silent(patience)
	})
}

func TestTheBrokerMaySpeakJSON(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.begin()
		l := sc.accept()
		l.identity()
		l.send(ctrl.AppendEvent(nil, wire.EncodingJSON, &ctrl.NegotiationMessage{BrokerResponse: &l.response}))
		sc.expect("CONNECTED", "start ok")
		sc.opens("q", writer)
		req := l.request(openQueue)
		l.send(ctrl.AppendEvent(nil, wire.EncodingJSON, &ctrl.ControlMessage{RID: req.RID, Choice: ctrl.Choice{
			OpenQueueResponse: &ctrl.OpenQueueResponse{OriginalRequest: *req.Choice.OpenQueue},
		}}))
		sc.expect("open q ok")
	})
}

// badAnswers are answers to the identity after which an attempt has failed.
var badAnswers = map[string]func(*link){
	"refusal": func(l *link) {
		resp := l.response
		resp.Result = ctrl.Status{Category: ctrl.StatusNotSupported, Code: -1, Message: "too old"}
		l.control(&ctrl.NegotiationMessage{BrokerResponse: &resp})
	},
	"an identity":        func(l *link) { l.control(&ctrl.NegotiationMessage{ClientIdentity: &ctrl.ClientIdentity{}}) },
	"a place holder":     func(l *link) { l.control(&ctrl.NegotiationMessage{PlaceHolder: &ctrl.Empty{}}) },
	"a control message":  func(l *link) { l.control(&ctrl.ControlMessage{RID: new(int32)}) },
	"garbage":            func(l *link) { l.event(wire.EventControl, []byte("garbage!")) },
	"an empty event":     func(l *link) { l.event(wire.EventControl, nil) },
	"another event":      func(l *link) { l.send(wire.HeartbeatReq) },
	"a malformed header": func(l *link) { l.send([]byte{0, 0, 0, 8, 0x41, 63, 0, 0}) },
	"no event":           func(l *link) { l.send([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) },
	"a huge length":      func(l *link) { l.send([]byte{0x7f, 0xff, 0xff, 0xff, 0x41, 2, 0, 0}) },
	"half an event":      func(l *link) { l.send([]byte{0, 0, 1, 0, 0x41, 2}); l.drop() },
	"the end":            func(l *link) { l.drop() },
}

func TestABadAnswerFailsTheAttemptOnly(t *testing.T) {
	for name, answer := range badAnswers {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, sc *scene) {
				sc.begin()
				for range 3 {
					l := sc.accept()
					l.identity()
					answer(l)
					sc.expect()
					if name != "half an event" && name != "the end" {
						l.gone()
					}
				}
				sc.back()
				sc.expect("CONNECTED", "start ok")
			})
		})
	}
}

func TestABadAnswerDuringAReconnection(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.up().drop()
		l := sc.accept()
		l.identity()
		badAnswers["refusal"](l)
		l.gone()
		sc.expect("CONNECTION_LOST")
		sc.back()
		sc.expect("RECONNECTED", "STATE_RESTORED")
	})
}

func TestARefusedStartSaysWhatTheBrokerSaid(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.s = New(sc.cfg)
		go func() {
			for {
				select {
				case conn := <-sc.dials:
					l := &link{scene: sc, conn: conn, reader: newFrames(conn)}
					l.identity()
					badAnswers["refusal"](l)
				case <-sc.s.done:
					return
				}
			}
		}()
		st := sc.s.Start(t.Context())
		require.Contains(t, st.Text, "too old")
		sc.expect()
	})
}

func TestAHalfOpenBrokerCostsTheConnectTimeout(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.up().drop()
		began := time.Now()
		l := sc.accept() // which never answers, and does not read
		sc.pass(0)
		wait := time.Since(began)
		sc.pass(time.Minute)
		l.gone()
		l = sc.back()
		require.Less(t, time.Since(began), wait+time.Minute+5*time.Second)
		sc.expect("CONNECTION_LOST", "RECONNECTED", "STATE_RESTORED")
		l.open("q", writer)
	})
}

func TestADeprecatedClientWorksAndIsWarned(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.response.IsDeprecatedSDK = true
		sc.up()
		require.Contains(t, sc.logs.String(), "deprecated")
	})
}

func TestFailedAttemptsAreLoggedOnceForEachReason(t *testing.T) {
	play(t, func(t *testing.T, sc *scene) {
		sc.up().drop()
		sc.refuse.Store(true)
		sc.pass(time.Hour)
		require.Equal(t, 1, countWarnings(sc, "could not connect"))
	})
}
