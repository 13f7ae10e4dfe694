package client_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
)

// tokens returns how many tokens KOS has issued.
func (k *kos) tokens() (n int) {
	k.set(func() { n = k.issued })
	return n
}

func TestRequestsShareOneToken(t *testing.T) {
	t.Parallel()
	withKOS(t, func(k *kos, client *kosclient.Client) {
		k.set(func() { k.slow = 200 * time.Millisecond })
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() { wantAnswer(k.t, client) })
		}
		group.Wait()
		if n := k.tokens(); n != 1 {
			k.t.Errorf("%d tokens", n)
		}
	})
}

func TestTokenIsRefreshedAhead(t *testing.T) {
	t.Parallel()
	withKOS(t, func(k *kos, client *kosclient.Client) {
		wantAnswer(k.t, client)
		bubble.Advance(tokenLife * 7 / 10)
		wantAnswer(k.t, client)
		if n := k.tokens(); n != 1 {
			k.t.Errorf("%d tokens after 7 tenths of a life", n)
		}
		bubble.Advance(tokenLife / 10)
		start := time.Now()
		k.set(func() { k.slow = time.Second })
		_, err := ask(k.t.Context(), client)
		if took := time.Since(start); took != time.Second || err != nil {
			k.t.Errorf("waited %s for the refresh, %v", took, err)
		}
		synctest.Wait()
		if n := k.tokens(); n != 2 {
			k.t.Errorf("%d tokens after 8 tenths", n)
		}
	})
}

func TestTokenIsUsedUntilItExpiresWhileRefreshFails(t *testing.T) {
	t.Parallel()
	withKOS(t, func(k *kos, client *kosclient.Client) {
		wantAnswer(k.t, client)
		asked := 0
		k.set(func() {
			k.auth = func(w http.ResponseWriter, _ *http.Request) { asked++; w.WriteHeader(http.StatusBadGateway) }
		})
		bubble.Advance(tokenLife * 8 / 10)
		rest := tokenLife/5 - time.Second
		for range int(rest / time.Second) {
			wantAnswer(k.t, client)
			bubble.Advance(time.Second)
		}
		if asked == 0 || asked > int(rest/(5*time.Second))+1 {
			k.t.Errorf("%d token requests in %s", asked, rest)
		}
		bubble.Advance(2 * time.Second)
		if _, err := ask(k.t.Context(), client); !errors.Is(err, kosclient.ErrUnavailable) {
			k.t.Errorf("after its end: %v", err)
		}
		k.set(func() { k.auth = nil })
		wantAnswer(k.t, client)
	})
}

func TestRejectedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	withKOS(t, func(k *kos, client *kosclient.Client) {
		wantAnswer(k.t, client)
		k.set(func() { k.valid, k.slow, k.calls = map[string]bool{}, 100*time.Millisecond, 0 })
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() { wantAnswer(k.t, client) })
		}
		group.Wait()
		if n := k.tokens(); n != 2 {
			k.t.Errorf("%d tokens", n)
		}
		if n := k.calls; n != 200 {
			k.t.Errorf("%d calls, want each repeated once", n)
		}
	})
}

func TestTokenThatIsAlwaysRejectedIsNotRetriedForever(t *testing.T) {
	t.Parallel()
	withKOS(t, func(k *kos, client *kosclient.Client) {
		k.set(func() { k.call = status(http.StatusUnauthorized) })
		_, err := ask(k.t.Context(), client)
		if !errors.Is(err, kosclient.ErrUnavailable) || k.tokens() != 2 || k.calls != 2 {
			k.t.Errorf("%v after %d tokens and %d calls", err, k.tokens(), k.calls)
		}
	})
}

func TestCancelledRequestDoesNotCancelTheFetch(t *testing.T) {
	t.Parallel()
	withKOS(t, func(k *kos, client *kosclient.Client) {
		k.set(func() { k.slow = time.Second })
		ctx, leave := context.WithCancel(k.t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := ask(ctx, client); !errors.Is(err, context.Canceled) || errors.Is(err, kosclient.ErrUnavailable) {
				k.t.Errorf("the cancelled request: %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() { wantAnswer(k.t, client) })
		leave()
		group.Wait()
		if n := k.tokens(); n != 1 {
			k.t.Errorf("%d tokens", n)
		}
	})
}

func TestMissingCredentialsAreUnavailable(t *testing.T) {
	t.Parallel()
	for name, get := range map[string]secretsFunc{
		"store away":  func() (string, error) { return "", errors.New("away") },
		"not JSON":    func() (string, error) { return "hunter2", nil },
		"other shape": func() (string, error) { return `["hunter2"]`, nil },
		"wrong ones":  func() (string, error) { return `{"clientId":"x","clientSecret":"hunter2"}`, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := &kos{}
			_, err := ask(t.Context(), kosclient.New(kosclient.Config{}, get, k, slog.New(slog.DiscardHandler), prometheus.NewRegistry()))
			if !errors.Is(err, kosclient.ErrUnavailable) || k.calls != 0 {
				t.Errorf("got %v after %d calls", err, k.calls)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error contains the secret: %v", err)
			}
		})
	}
}

func TestAnswerWithoutTokenIsUnavailable(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"resultCode":"9001"}`, `{"resultCode":"0000","data":{}}`, `{"resultCode":"0000","data":{"accessToken":"t"}}`,
		`{"resultCode":"0000","data":{"accessToken":"t","expiresIn":-1}}`, `{"resultCode":"0000","data":"t"}`,
	} {
		k := &kos{auth: answer(body)}
		if _, err := ask(t.Context(), newClient(k)); !errors.Is(err, kosclient.ErrUnavailable) || k.calls != 0 {
			t.Errorf("%s: %v after %d calls", body, err, k.calls)
		}
	}
}
