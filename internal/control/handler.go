package control

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/bmq-go/bmq/internal/broker"
)

//go:embed page
var page embed.FS

// api answers the calls of programs and of the page.
type api struct {
	broker      *broker.Broker
	configuring sync.Mutex // held while the configuration of a domain is changed
}

// route is one call that there is.
type route struct {
	Pattern string `json:"call"`
	What    string `json:"what"`
	handle  func(*http.Request) (any, error)
}

// New returns the handler of a broker's endpoint.
func New(b *broker.Broker) http.Handler {
	a := &api{broker: b}
	mux := http.NewServeMux()
	routes := a.routes()
	for _, r := range routes {
		mux.HandleFunc(r.Pattern, answer(r.handle))
	}
	mux.HandleFunc("GET /api", answer(func(*http.Request) (any, error) { return routes, nil }))
	for path, file := range map[string]string{"GET /{$}": "index.html", "GET /page.js": "page.js", "GET /page.css": "page.css"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, page, "page/"+file) })
	}
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return guard(http.NewCrossOriginProtection().Handler(mux))
}

// guard lets nobody in who calls this machine by another name, as a page of another
// site does whose name was made to point here, and says what a browser may do with what
// it gets: nothing but show it here.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !loopback(strings.Trim(host, "[]")) {
			http.Error(w, "This endpoint is for its own machine: call it 127.0.0.1 or localhost.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// failure is an error with the status of its answer.
type failure struct {
	status int
	text   string
}

func (f *failure) Error() string { return f.text }

func bad(format string, args ...any) error {
	return &failure{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &failure{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

// answer makes a handler that writes what f returns as JSON: nil as an empty object, an
// error as its text.
func answer(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		v, err := f(r)
		status := http.StatusOK
		if err != nil {
			status = http.StatusInternalServerError
			if f := (*failure)(nil); errors.As(err, &f) {
				status = f.status
			}
			v = map[string]string{"error": err.Error()}
		} else if v == nil {
			v = struct{}{}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v) // the client may be gone
	}
}

// body reads the body of a request, raw JSON. A browser asks before it lets another
// site send that type, and is refused.
func body(r *http.Request) ([]byte, error) {
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/json" {
		return nil, &failure{http.StatusUnsupportedMediaType, "the body has to be JSON: send the header Content-Type: application/json"}
	}
	data, err := io.ReadAll(r.Body)
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, &failure{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", large.Limit)}
	}
	if err != nil {
		return nil, bad("the body can't be read: %v", err)
	}
	return data, nil
}

// inJSON says what is wrong with a value in words of JSON, since callers know no types of Go.
func inJSON(err error) error {
	wrong := (*json.UnmarshalTypeError)(nil)
	if !errors.As(err, &wrong) {
		return err
	}
	name := "it"
	if wrong.Field != "" {
		name = strings.ToLower(wrong.Field[:1]) + wrong.Field[1:]
	}
	if wrong.Type == reflect.TypeFor[duration]() {
		return fmt.Errorf("%s can't be a %s: a duration is a text, as \"90s\"", name, wrong.Value)
	}
	if wrong.Value == "array" || wrong.Value == "object" {
		return fmt.Errorf("%s can't be an %s", name, wrong.Value)
	}
	return fmt.Errorf("%s can't be a %s", name, wrong.Value)
}

// decode reads the body of a request into v. What v has no place for is an error.
func decode(r *http.Request, v any) error {
	data, err := body(r)
	if err != nil {
		return err
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return bad("the body is not what is expected: %v", inJSON(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return bad("the body has more than one value")
	}
	return nil
}
