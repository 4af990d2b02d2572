package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// Ask calls a function of the application, which may take its time: longer than ctx, if
// it does not care. What it returns then goes to late, in place of Ask's caller. A panic
// is an error: see LogPanic.
func Ask[T any](ctx context.Context, f func(context.Context) (T, error), late func(T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	given := make(chan answer)
	go func() {
		a := answer{err: errors.New("it ended its goroutine")}
		defer func() {
			if r := recover(); r != nil {
				a.err = &panicError{r, debug.Stack()}
			}
			select {
			case given <- a:
			case <-ctx.Done():
				late(a.v, a.err)
			}
		}()
		a.v, a.err = f(ctx)
	}()
	select {
	case a := <-given:
		return a.v, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("it panicked: %v", e.value) }

// LogPanic logs an error if a function of the application panicked.
func LogPanic(log *slog.Logger, err error) {
	if p := (*panicError)(nil); errors.As(err, &p) {
		log.Error("a function of the application panicked", "panic", p.value, "stack", string(p.stack))
	}
}

var (
	// ErrNoCredential is that there is none, for which the broker can't be blamed.
	ErrNoCredential = errors.New("authentication: the credential provider")
	// errNoCredentialYet is what is known while the provider is at work, and what is said
	// when it took too long.
	errNoCredentialYet = fmt.Errorf("%w has not answered", ErrNoCredential)
)

// AskCredential asks the credential provider, as long as ctx allows. note is told at once,
// and when the provider has answered, what is known of the attempt.
func (c *Config) AskCredential(ctx context.Context, note func(error)) (Credential, error) {
	note(errNoCredentialYet)
	credential, err := Ask(ctx, c.Credentials, func(_ Credential, err error) { LogPanic(c.Logger, err) })
	if err == nil && credential.Mechanism == "" {
		err = errors.New("it named no mechanism")
	}
	switch {
	case err == nil:
	case err == ctx.Err():
		err = errNoCredentialYet
	default:
		err = fmt.Errorf("%w failed: %w", ErrNoCredential, err)
	}
	note(err)
	if err != nil {
		LogPanic(c.Logger, err)
		return Credential{}, err
	}
	return credential, nil
}
