package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// Timed returns a transport that measures the duration of base alone, excluding the transports
// around it.
func Timed(base http.RoundTripper) http.RoundTripper { return &timed{base} }

type timed struct{ base http.RoundTripper }

func (t *timed) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	if took, asked := r.Context().Value(stopwatch{}).(*time.Duration); asked {
		defer func() { *took = time.Since(start) }()
	}
	response, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// stopwatch is the context key of the *time.Duration to set.
type stopwatch struct{}

func withStopwatch(r *http.Request, took *time.Duration) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), stopwatch{}, took))
}
