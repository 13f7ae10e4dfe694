// Package client implements KOS's protocol: tokens, envelope and kinds of errors. Services
// define the requests and the data of answers.
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

// Config has the app-id of KOS and the credentials.
type Config struct {
	// AppID is the app-id of KOS. If it contains {endpoint}, each endpoint has its own
	// app-id, in which the last element of the path replaces {endpoint}: the sidecar has
	// one circuit breaker for all paths of an HTTPEndpoint.
	AppID string `env:"KOS_APP_ID" envDefault:"kos-mock-service"`
	// CredentialsSecret is the name of the secret with the client id and secret.
	CredentialsSecret string `env:"KOS_CREDENTIALS_SECRET,required"`
}

// ErrUnavailable is returned when KOS gave no answer, or one that violates the agreed
// format. KOS may have carried out the request.
var ErrUnavailable = problem.New(problem.Unavailable, "KOS_UNAVAILABLE", "통신사 시스템이 응답하지 않습니다. 잠시 후 다시 시도해 주세요.").After(10 * time.Second)

// ErrBusy is returned when KOS answered 429. It has not carried out the request.
var ErrBusy = problem.New(problem.Unavailable, "KOS_BUSY", "요청이 많습니다. 잠시 후 다시 시도해 주세요.").After(30 * time.Second)

// callTimeout bounds a call if the sidecar hangs. It is longer than all attempts of
// resiliency/ together.
const callTimeout = 8 * time.Second

// Client calls KOS.
type Client struct {
	http   *http.Client
	tokens *tokens
	faults *faults
	log    *slog.Logger
	now    func() time.Time

	duration *prometheus.HistogramVec
}

// New returns a client that calls KOS over transport, with credentials from secrets. It
// logs and counts answers that violate the agreed format.
func New(cfg Config, secrets sidecar.Secrets, transport http.RoundTripper, log *slog.Logger, registerer prometheus.Registerer) *Client {
	client := &Client{
		http: &http.Client{
			Transport: transport, Timeout: callTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		faults: newFaults(log, registerer), log: log, now: time.Now, duration: newDuration(registerer),
	}
	client.tokens = newTokens(cfg.CredentialsSecret, secrets, client.post)
	return client
}

// Post sends in to an endpoint and returns the answer, whose Data is meaningful only if its
// ResultCode is OK. It returns ErrUnavailable or ErrBusy.
func (c *Client) Post(ctx context.Context, path string, in any) (Answer, error) {
	return c.authorized(ctx, http.MethodPost, path, in)
}

// Get is Post for endpoints without a body.
func (c *Client) Get(ctx context.Context, path string) (Answer, error) {
	return c.authorized(ctx, http.MethodGet, path, nil)
}

// errUnauthorized is KOS's 401.
var errUnauthorized = errors.New("kos: token not accepted")

// authorized sends a request with the token. If KOS rejects the token (its keys changed, or
// the secret was rotated), authorized fetches a new one and sends the request once more.
// That renews a credential; it is no retry of a failed call.
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

func (c *Client) send(ctx context.Context, method, path, token string, in any) (answer Answer, err error) {
	start := c.now()
	defer func() { c.observe(ctx, path, c.now().Sub(start), err) }()
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
	req.Pattern = path // has no ids
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// read returns the answer in resp. It logs and counts one that violates the agreed format.
func (c *Client) read(ctx context.Context, path string, resp *http.Response) (Answer, error) {
	reject := func(ctx context.Context, wrong *AnswerError) { c.faults.record(ctx, path, wrong) }
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized:
		return Answer{}, errUnauthorized
	case status == http.StatusTooManyRequests:
		return Answer{}, c.busy(ctx, reject, resp)
	case status >= http.StatusInternalServerError:
		return Answer{}, fmt.Errorf("kos: status %d", status) // a failure that KOS reports is no format fault
	case status != http.StatusOK:
		wrong := NewAnswerError(Status, strconv.Itoa(status))
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

// busy returns ErrBusy with the Retry-After of KOS, if that is valid.
func (c *Client) busy(ctx context.Context, reject func(context.Context, *AnswerError), resp *http.Response) error {
	if wait, ok := retryAfter(resp.Header, c.now()); ok {
		return ErrBusy.After(wait)
	}
	if resp.Header.Get("Retry-After") != "" {
		reject(ctx, NewAnswerError(RetryAfter, "unreadable, past, or beyond 5 minutes"))
	}
	return ErrBusy
}

// translate returns ErrBusy and the cancellation of the caller unchanged, and every other
// error as ErrUnavailable.
func translate(err error) error {
	if err == nil || errors.Is(err, ErrBusy) || errors.Is(err, context.Canceled) {
		return err
	}
	return ErrUnavailable.WithCause(err)
}
