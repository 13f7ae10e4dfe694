// Package registration asks the auth service, through the sidecar, which lines are registered.
package registration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// ErrUnavailable is returned if the auth service gives no valid answer.
var ErrUnavailable = problem.New(problem.Unavailable, "AUTH_UNAVAILABLE", "일시적으로 회원 정보를 확인할 수 없습니다. 잠시 후 다시 시도해 주세요.").After(5 * time.Second)

// callTimeout bounds a call.
const callTimeout = 5 * time.Second

// maxAnswer limits the size of an answer, in bytes.
const maxAnswer = 4 << 10

// Client calls the auth service.
type Client struct{ http *http.Client }

// New returns a client that uses transport.
func New(transport http.RoundTripper) *Client {
	return &Client{&http.Client{Transport: transport, Timeout: callTimeout}}
}

type question struct {
	CustomerID string `json:"customerId"`
	LineNumber string `json:"lineNumber"`
}

// Registered reports whether the customer has registered the line. It returns ErrUnavailable
// without a valid answer.
func (c *Client) Registered(ctx context.Context, customerID string, number msisdn.Number) (bool, error) {
	body, err := json.Marshal(question{CustomerID: customerID, LineNumber: number.Digits()})
	if err != nil {
		return false, fmt.Errorf("registration: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://auth/internal/registrations/check", bytes.NewReader(body))
	if err != nil {
		return false, fmt.Errorf("registration: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return false, ErrUnavailable.WithCause(err)
	}
	defer func() { _ = resp.Body.Close() }()
	registered, err := read(resp)
	if err != nil {
		return false, ErrUnavailable.WithCause(err)
	}
	return registered, nil
}

func read(resp *http.Response) (bool, error) {
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("auth service answers %d", resp.StatusCode)
	}
	var answer struct {
		Registered *bool `json:"registered"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer); err != nil {
		return false, err
	}
	if answer.Registered == nil {
		return false, errors.New("answer of the auth service lacks the member registered")
	}
	return *answer.Registered, nil
}
