// Package client speaks KOS's protocol: its tokens, its envelope, its ways
// to fail. What is asked and answered belongs to the services.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Config says under which app-id KOS is reached, and as whom.
type Config struct {
	// AppID is the app-id of KOS, or of each of its endpoints where it has
	// {endpoint}, for which the last element of a path stands: of an HTTPEndpoint,
	// the sidecar keeps one circuit breaker for all paths.
	AppID string `env:"KOS_APP_ID" envDefault:"kos-mock-service"`
	// CredentialsSecret names the secret with our client id and secret.
	CredentialsSecret string `env:"KOS_CREDENTIALS_SECRET,required"`
}

// ErrUnavailable is returned when KOS did not answer, or not as agreed: it may
// have done what it was asked.
var ErrUnavailable = problem.New(problem.Unavailable, "KOS_UNAVAILABLE", "통신사 시스템이 응답하지 않습니다. 잠시 후 다시 시도해 주세요.").After(10 * time.Second)

// ErrBusy is returned when KOS refused because we asked too often. It has done
// nothing.
var ErrBusy = problem.New(problem.Unavailable, "KOS_BUSY", "요청이 많습니다. 잠시 후 다시 시도해 주세요.").After(30 * time.Second)

// callTimeout bounds a call through a sidecar that hangs. It is longer than
// all attempts together that resiliency/ makes.
const callTimeout = 8 * time.Second

// Client calls KOS.
type Client struct {
	http   *http.Client
	tokens *tokens
	faults *faults
	now    func() time.Time
}

// New returns a client that calls KOS over transport, with the credentials
// that secrets hold. Answers that are not as agreed are logged and counted.
func New(cfg Config, secrets sidecar.Secrets, transport http.RoundTripper, log *slog.Logger, registerer prometheus.Registerer) *Client {
	client := &Client{
		http: &http.Client{
			Transport: transport, Timeout: callTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		faults: newFaults(log, registerer), now: time.Now,
	}
	client.tokens = newTokens(cfg.CredentialsSecret, secrets, client.post)
	return client
}

// Post sends in to an endpoint and returns KOS's answer, whose Data is only
// worth reading if its ResultCode is OK. It returns ErrUnavailable or ErrBusy.
func (c *Client) Post(ctx context.Context, path string, in any) (Answer, error) {
	return c.authorized(ctx, http.MethodPost, path, in)
}

// Get is Post for the endpoints that take nothing.
func (c *Client) Get(ctx context.Context, path string) (Answer, error) {
	return c.authorized(ctx, http.MethodGet, path, nil)
}

// errUnauthorized is KOS's 401.
var errUnauthorized = errors.New("kos: token not accepted")

// authorized sends a request with our token. Should KOS not accept it (its
// keys changed, our secret was rotated), a new one is fetched and the request
// sent again: that renews a credential, it does not retry a failure.
func (c *Client) authorized(ctx context.Context, method, path string, in any) (Answer, error) {
	token, err := c.tokens.get(ctx)
	if err != nil {
		return Answer{}, translate(err)
	}
	answer, err := c.send(ctx, method, path, token, in)
	if errors.Is(err, errUnauthorized) {
		c.tokens.drop(token)
		if token, err = c.tokens.get(ctx); err == nil {
			answer, err = c.send(ctx, method, path, token, in)
		}
	}
	return answer, translate(err)
}

func (c *Client) post(ctx context.Context, path string, in any) (Answer, error) {
	return c.send(ctx, http.MethodPost, path, "", in)
}

func (c *Client) send(ctx context.Context, method, path, token string, in any) (Answer, error) {
	req, err := newRequest(ctx, method, path, in)
	if err != nil {
		return Answer{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	return c.read(ctx, path, resp)
}

func newRequest(ctx context.Context, method, path string, in any) (*http.Request, error) {
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("kos: request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://kos"+path, body)
	if err != nil {
		return nil, fmt.Errorf("kos: request: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// read returns KOS's answer in resp and takes note of one that is not as agreed.
func (c *Client) read(ctx context.Context, path string, resp *http.Response) (Answer, error) {
	reject := func(ctx context.Context, wrong *AnswerError) { c.faults.note(ctx, path, wrong) }
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized:
		return Answer{}, errUnauthorized
	case status == http.StatusTooManyRequests:
		return Answer{}, c.busy(ctx, reject, resp)
	case status >= http.StatusInternalServerError:
		return Answer{}, fmt.Errorf("kos: status %d", status) // KOS says itself that it failed
	case status != http.StatusOK:
		wrong := Wrong(Status, strconv.Itoa(status))
		reject(ctx, wrong)
		return Answer{}, wrong
	}
	answer, err := readAnswer(resp)
	if wrong, ok := errors.AsType[*AnswerError](err); ok {
		reject(ctx, wrong)
	}
	answer.reject = reject
	return answer, err
}

// busy returns ErrBusy with the time that KOS names, if that can be believed.
func (c *Client) busy(ctx context.Context, reject func(context.Context, *AnswerError), resp *http.Response) error {
	if wait, ok := retryAfter(resp.Header, c.now()); ok {
		return ErrBusy.After(wait)
	}
	if resp.Header.Get("Retry-After") != "" {
		reject(ctx, Wrong(RetryAfter, "unreadable, past, or beyond 5 minutes"))
	}
	return ErrBusy
}

// translate leaves what is meant for clients, and a caller's own going away,
// as they are: all else is a KOS that cannot be used.
func translate(err error) error {
	if err == nil || errors.Is(err, ErrBusy) || errors.Is(err, context.Canceled) {
		return err
	}
	return ErrUnavailable.WithCause(err)
}
