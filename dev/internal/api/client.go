// Package api is a client of PhoneBill's public API for tests: it can also send requests that a
// well-behaved client would not.
package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// callTimeout bounds a call. The API answers within 8 s.
const callTimeout = 15 * time.Second

// Client is a client with the session of a user, or none before login.
type Client struct {
	base string
	http *http.Client
	// Tokens are those of the last login or refresh; every call sends the access token.
	Tokens Tokens
}

// New returns a client of the API at base. The innermost transport must be a Timed one.
func New(base string, transport http.RoundTripper) *Client {
	return &Client{base: base, http: &http.Client{
		Transport: transport, Timeout: callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// With returns a client with another access token.
func (c *Client) With(accessToken string) *Client {
	other := *c
	other.Tokens.Access = accessToken
	return &other
}

// Request is a request.
type Request struct {
	Method, Path string
	// Body is encoded as JSON; a []byte is sent unchanged, and nil means no body.
	Body any
	// Header overrides default headers.
	Header map[string]string
}

// Answer is the result of a call. T is the type of a success.
type Answer[T any] struct {
	Request string // method and path
	Status  int
	Header  http.Header
	Took    time.Duration // from the first byte sent to the last one received
	Body    []byte
	Data    T       // of a success
	Failure Failure // of a refusal
	Err     error   // no answer, or an unreadable one
}

// Succeeded reports whether the status is 2xx.
func (a Answer[T]) Succeeded() bool { return a.Err == nil && a.Status/100 == 2 }

// String formats the answer for messages.
func (a Answer[T]) String() string {
	if a.Err != nil {
		return fmt.Sprintf("%s failed after %s: %v", a.Request, a.Took, a.Err)
	}
	return fmt.Sprintf("%s answered %d after %s: %.600s", a.Request, a.Status, a.Took, a.Body)
}

// OK returns the data of a success and fails the test otherwise.
func (a Answer[T]) OK(t testing.TB) T {
	t.Helper()
	if !a.Succeeded() {
		t.Fatal(a)
	}
	return a.Data
}

// Refused returns the failure. It fails the test for another status or code, or an invalid
// envelope.
func (a Answer[T]) Refused(t testing.TB, status int, code string) Failure {
	t.Helper()
	if a.Err != nil || a.Status != status || a.Failure.Error.Code != code {
		t.Fatalf("%s\nwant %d %s", a, status, code)
	}
	if fault := a.Failure.Fault(); fault != "" {
		t.Fatalf("%s\n%s", a, fault)
	}
	return a.Failure
}

// Send sends a request and returns the answer with a raw body.
func (c *Client) Send(r Request) Answer[json.RawMessage] {
	return call(c, r, func(body []byte, data *json.RawMessage) error {
		*data = body
		return nil
	})
}

// flat decodes an answer of the auth service.
func flat[T any](c *Client, r Request) Answer[T] {
	return call(c, r, func(body []byte, data *T) error { return json.Unmarshal(body, data) })
}

// enveloped decodes an answer of the other services.
func enveloped[T any](c *Client, r Request) Answer[T] {
	return call(c, r, func(body []byte, data *T) error {
		envelope := struct {
			Success bool `json:"success"`
			Data    *T   `json:"data"`
		}{Data: data}
		err := json.Unmarshal(body, &envelope)
		if err == nil && !envelope.Success {
			err = fmt.Errorf("a success that says otherwise: %.200s", body)
		}
		return err
	})
}

func call[T any](c *Client, r Request, read func([]byte, *T) error) Answer[T] {
	answer := Answer[T]{Request: r.Method + " " + r.Path}
	answer.Status, answer.Header, answer.Body, answer.Err = c.exchange(r, &answer.Took)
	switch {
	case answer.Err != nil:
	case answer.Status/100 == 2:
		answer.Err = read(answer.Body, &answer.Data)
	default:
		// A body that is not a failure is detected by Failure.Fault.
		_ = json.Unmarshal(answer.Body, &answer.Failure)
	}
	return answer
}

func (c *Client) exchange(r Request, took *time.Duration) (status int, header http.Header, body []byte, err error) {
	request, err := c.request(r)
	if err != nil {
		return 0, nil, nil, err
	}
	response, err := c.http.Do(withStopwatch(request, took))
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, response.Header, body, err
}

func (c *Client) request(r Request) (*http.Request, error) {
	var body []byte
	switch content := r.Body.(type) {
	case nil:
	case []byte:
		body = content
	default:
		var err error
		if body, err = json.Marshal(content); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequest(r.Method, c.base+r.Path, bytes.NewReader(body)) //nolint:noctx // the client has a timeout
	if err != nil {
		return nil, err
	}
	if r.Body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.Tokens.Access != "" {
		request.Header.Set("Authorization", "Bearer "+c.Tokens.Access)
	}
	for name, value := range r.Header {
		request.Header.Set(name, value)
	}
	return request, nil
}
