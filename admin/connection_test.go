package admin_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bmq-go/bmq/admin"
	"github.com/bmq-go/bmq/bmqtest"
	"github.com/bmq-go/bmq/internal/framing"
	"github.com/bmq-go/bmq/internal/wire"
	"github.com/bmq-go/bmq/internal/wire/ctrl"
)

func TestACredentialIsPresented(t *testing.T) {
	b := bmqtest.Start(t, bmqtest.WithUser("ann", "secret"), bmqtest.WithoutAnonymous())
	good, err := admin.New(b.URI(), admin.WithCredential("BASIC", []byte("ann:secret")))
	require.NoError(t, err)
	_, err = good.Run(t.Context(), "HELP")
	require.NoError(t, err)
	wrong, err := admin.New(b.URI(), admin.WithCredential("BASIC", []byte("ann:wrong")))
	require.NoError(t, err)
	_, err = wrong.Run(t.Context(), "HELP")
	require.ErrorContains(t, err, "refused the credential")
	nobody, err := admin.New(b.URI())
	require.NoError(t, err)
	_, err = nobody.Run(t.Context(), "HELP")
	require.Error(t, err)
}

func TestABrokerURIIsChecked(t *testing.T) {
	for _, uri := range []string{"", "localhost:30114", "tcp://localhost", "tcp://:1", "tcp://localhost:0", "tcp://localhost:99999"} {
		_, err := admin.New(uri)
		require.ErrorContains(t, err, "tcp://host:port", uri)
	}
}

func TestAClientThatNobodyMadeSaysSo(t *testing.T) {
	_, err := new(admin.Client).Run(t.Context(), "HELP")
	require.ErrorContains(t, err, "not made by New")
}

func TestTheEnvironmentNamesTheBroker(t *testing.T) {
	b := bmqtest.Start(t)
	t.Setenv("BMQ_BROKER_URI", b.URI())
	c, err := admin.New("tcp://127.0.0.1:1", nil, admin.WithDialer(nil)) // as with sessions
	require.NoError(t, err)
	_, err = c.Run(t.Context(), "HELP")
	require.NoError(t, err)
	t.Setenv("BMQ_BROKER_URI", b.URI()+"/")
	_, err = admin.New("")
	require.NoError(t, err)
	t.Setenv("BMQ_BROKER_URI", "localhost")
	_, err = admin.New(b.URI())
	require.ErrorContains(t, err, `"localhost" (from the environment variable BMQ_BROKER_URI)`)
}

func TestABrokerThatIsAwayIsAnErrorAndItsReturnIsNoticed(t *testing.T) {
	b := bmqtest.Start(t)
	c := client(t, b.URI())
	require.NoError(t, b.Stop(t.Context()))
	_, err := c.Run(t.Context(), "HELP")
	require.Error(t, err)
	require.NoError(t, b.Restart(t.Context(), bmqtest.KeepNone))
	_, err = c.Run(t.Context(), "HELP")
	require.NoError(t, err)
}

// scripted is a broker that answers an administrator as the test says. script gets what
// follows the negotiation; it may be nil.
func scripted(t *testing.T, script func(conn net.Conn, in *framing.Reader)) *admin.Client {
	t.Helper()
	c, err := admin.New("tcp://broker:1", admin.WithProcessName("tester"),
		admin.WithDialer(func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				defer far.Close()
				in := framing.NewReader(far, wire.MaxEventSize)
				if _, err := in.Next(); err != nil {
					return
				}
				script(far, in)
			}()
			return near, nil
		}))
	require.NoError(t, err)
	return c
}

// writeEvent ignores that the other side may be gone: then the script is over.
func writeEvent(conn net.Conn, m ctrl.Message) {
	_, _ = conn.Write(ctrl.AppendEvent(nil, wire.EncodingJSON, m))
}

func welcome(conn net.Conn) {
	writeEvent(conn, &ctrl.NegotiationMessage{BrokerResponse: &ctrl.BrokerResponse{}})
}

func answer(conn net.Conn, id int32, text string) {
	writeEvent(conn, &ctrl.ControlMessage{RID: &id, Choice: ctrl.Choice{AdminCommandResponse: &ctrl.AdminCommandResponse{Text: text}}})
}

func TestSignsOfLifeAreGivenWhileACommandRuns(t *testing.T) {
	lives := make(chan wire.EventType, 1)
	c := scripted(t, func(conn net.Conn, in *framing.Reader) {
		welcome(conn)
		if _, err := in.Next(); err != nil {
			return
		}
		if _, err := conn.Write(wire.HeartbeatReq); err != nil {
			return
		}
		frame, err := in.Next()
		if err != nil {
			return
		}
		ev, _ := wire.ParseEvent(frame)
		lives <- ev.Type
		answer(conn, 7, "for somebody else")
		answer(conn, 1, "done")
	})
	text, err := c.Run(t.Context(), "LONG")
	require.NoError(t, err)
	require.Equal(t, "done", text)
	require.Equal(t, wire.EventHeartbeatRsp, <-lives)
}

func TestBadAnswersAreErrors(t *testing.T) {
	refused := &ctrl.BrokerResponse{Result: ctrl.Status{Category: ctrl.StatusRefused, Message: "not you"}}
	for name, tc := range map[string]struct {
		script func(net.Conn, *framing.Reader)
		says   string
	}{
		"end":     {func(net.Conn, *framing.Reader) {}, "closed the connection"},
		"refusal": {func(c net.Conn, _ *framing.Reader) { writeEvent(c, &ctrl.NegotiationMessage{BrokerResponse: refused}) }, "not you"},
		"identity": {func(c net.Conn, _ *framing.Reader) {
			writeEvent(c, &ctrl.NegotiationMessage{ClientIdentity: &ctrl.ClientIdentity{}})
		}, "no brokerResponse"},
		"garbage": {func(c net.Conn, _ *framing.Reader) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, "admin: "},
		"midway": {func(c net.Conn, in *framing.Reader) {
			welcome(c)
			_, _ = in.Next() // the command; then the end
		}, "closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scripted(t, tc.script).Run(t.Context(), "HELP")
			require.ErrorContains(t, err, tc.says)
		})
	}
}

func TestAnswersOfAnUnexpectedShapeAreErrors(t *testing.T) {
	for _, text := range []string{"what?", `"x"`, `{}`, `{"purgedQueues":7,"queueInternals":7,"domainInfo":7,"stats":7}`} {
		c := scripted(t, func(conn net.Conn, in *framing.Reader) {
			welcome(conn)
			if _, err := in.Next(); err == nil {
				answer(conn, 1, text)
			}
		})
		ctx := t.Context()
		_, err := c.PurgeQueue(ctx, "bmq://d/q")
		require.Error(t, err, text)
		_, err = c.Queue(ctx, "bmq://d/q")
		require.Error(t, err, text)
		_, err = c.Domain(ctx, "d")
		require.Error(t, err, text)
		_, err = c.Stats(ctx)
		require.Error(t, err, text)
	}
}

func TestASilentBrokerIsNotWaitedForForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := scripted(t, func(conn net.Conn, in *framing.Reader) {
			for {
				if _, err := in.Next(); err != nil {
					return
				}
			}
		})
		start := time.Now()
		_, err := c.Run(context.Background(), "HELP")
		require.EqualError(t, err, "admin: HELP: context deadline exceeded")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, admin.DefaultTimeout, time.Since(start))

		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		_, err = c.Run(ctx, "HELP")
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, errors.Is(err, context.DeadlineExceeded))
	})
}
