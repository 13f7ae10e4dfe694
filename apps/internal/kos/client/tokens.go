package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/phonebill/phonebill/apps/internal/refresh"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// authPath is KOS's token endpoint.
const authPath = "/api/kos/auth"

// refreshShare is the part of a token's life after which a refresh fetches a new one: a
// fifth is left in case KOS is out.
const refreshShare = 0.8

// refreshPause is how soon a failed refresh is retried. KOS limits the rate of its token
// endpoint.
const refreshPause = 5 * time.Second

// tokens caches the token that all requests share.
type tokens struct {
	secret  string
	secrets sidecar.Secrets
	post    func(ctx context.Context, path string, in any) (Answer, error)
	cache   *otter.Cache[string, token]

	accepted atomic.Pointer[string] // the credentials that KOS accepted last
}

type token struct {
	value string
	life  time.Duration
}

// credentials is the shape of the secret and of the token request.
type credentials struct {
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
}

func newTokens(secret string, secrets sidecar.Secrets, post func(context.Context, string, any) (Answer, error)) *tokens {
	return &tokens{
		secret: secret, secrets: secrets, post: post,
		cache: otter.Must(&otter.Options[string, token]{
			ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, token]) time.Duration { return e.Value.life }),
			RefreshCalculator: refresh.AfterFunc[string](func(t token) time.Duration {
				return time.Duration(float64(t.life) * refreshShare)
			}, refreshPause),
		}),
	}
}

// get returns the cached token, or fetches one. Concurrent calls share one fetch.
func (t *tokens) get(ctx context.Context) (string, error) {
	got, err := t.cache.Get(ctx, t.secret, otter.LoaderFunc[string, token](t.fetch))
	if err != nil {
		return "", fmt.Errorf("kos token: %w", err)
	}
	return got.value, nil
}

// drop removes a token that KOS rejected, unless another request has replaced it already.
func (t *tokens) drop(refused string) {
	t.cache.ComputeIfPresent(t.secret, func(held token) (token, otter.ComputeOp) {
		if held.value == refused {
			return token{}, otter.InvalidateOp
		}
		return held, otter.CancelOp
	})
}

// fetch exchanges the credentials for a token. If KOS rejects the credentials, they may have
// been rotated: fetch rereads the secret, and then tries those that KOS accepted last.
func (t *tokens) fetch(ctx context.Context, secret string) (token, error) {
	ctx = context.WithoutCancel(ctx) // other requests may wait for the same token
	text, err := t.secrets.Secret(ctx, secret)
	if err != nil {
		return token{}, err
	}
	got, err := t.exchange(ctx, text)
	if !errors.Is(err, errUnauthorized) {
		return got, err
	}
	tried := []string{text}
	if text, err = t.secrets.Reread(ctx, secret); err != nil {
		return token{}, err
	}
	err = errUnauthorized
	for _, other := range []string{text, t.last()} {
		if other == "" || slices.Contains(tried, other) {
			continue
		}
		if got, err = t.exchange(ctx, other); !errors.Is(err, errUnauthorized) {
			return got, err
		}
		tried = append(tried, other)
	}
	return token{}, err
}

// exchange returns the token for the credentials in text.
func (t *tokens) exchange(ctx context.Context, text string) (token, error) {
	var ours credentials
	if err := json.Unmarshal([]byte(text), &ours); err != nil {
		return token{}, fmt.Errorf("secret %s is not {clientId, clientSecret}", t.secret)
	}
	answer, err := t.post(ctx, authPath, ours)
	if err != nil {
		return token{}, err
	}
	got, err := readToken(ctx, answer)
	if err == nil {
		t.accepted.Store(&text)
	}
	return got, err
}

// last returns the credentials that KOS accepted last, "" if none.
func (t *tokens) last() string {
	if text := t.accepted.Load(); text != nil {
		return *text
	}
	return ""
}

// tokenData is the data of a token answer.
type tokenData struct {
	AccessToken string `json:"accessToken"`
	ExpiresIn   int64  `json:"expiresIn"` // seconds
}

// longestLife bounds the valid life of a token, and maxToken its length, because it is sent
// in a header.
const (
	longestLife = 24 * time.Hour
	maxToken    = 8 << 10
)

var tokenPattern = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)

// Check implements Checker.
func (d *tokenData) Check() error {
	switch {
	case len(d.AccessToken) > maxToken, !tokenPattern.MatchString(d.AccessToken):
		return NewAnswerError(Value, "accessToken")
	case d.ExpiresIn <= 0, d.ExpiresIn > int64(longestLife.Seconds()):
		return NewAnswerError(Value, "expiresIn")
	}
	return nil
}

func readToken(ctx context.Context, answer Answer) (token, error) {
	if answer.ResultCode != OK {
		return token{}, answer.Unexpected(ctx)
	}
	var data tokenData
	if err := answer.Read(ctx, &data); err != nil {
		return token{}, err
	}
	return token{value: data.AccessToken, life: time.Duration(data.ExpiresIn) * time.Second}, nil
}
