package client_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
)

// lagging is a secret store whose changes are visible to Reread only.
type lagging struct {
	mu             sync.Mutex
	cached, stored string
	rereads        int
}

func (l *lagging) store(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stored = text
}

// Secret implements sidecar.Secrets.
func (l *lagging) Secret(context.Context, string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cached, nil
}

// Reread implements sidecar.Secrets.
func (l *lagging) Reread(context.Context, string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rereads++
	l.cached = l.stored
	return l.cached, nil
}

const (
	oldCredentials = `{"clientId":"bill-inquiry-service","clientSecret":"old"}`
	newCredentials = `{"clientId":"bill-inquiry-service","clientSecret":"new"}`
)

// withRotation runs test under a steady load of calls, none of which may fail.
func withRotation(t *testing.T, test func(k *kos, secrets *lagging)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := &kos{t: t, accepted: []string{oldCredentials}}
		k.set(func() {})
		secrets := &lagging{cached: oldCredentials, stored: oldCredentials}
		client := kosclient.New(kosclient.Config{AppID: "kos", CredentialsSecret: "kos-api-credentials"}, secrets, k, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		defer client.StopGoroutines()
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for ctx.Err() == nil {
					wantAnswer(t, client)
					bubble.Advance(time.Minute)
				}
			})
		}
		test(k, secrets)
		stop()
		group.Wait()
		bubble.Advance(time.Minute) // background work ends
	})
}

// renewTokens waits until tokens are refreshed, revokes them, and waits for new ones.
func (k *kos) renewTokens() {
	bubble.Advance(2 * tokenLife)
	k.set(func() { clear(k.valid) })
	bubble.Advance(2 * time.Minute)
}

// TestCredentialsAreRotatedUnderLoad rotates as documented: KOS accepts both credentials for a
// while.
func TestCredentialsAreRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	withRotation(t, func(k *kos, secrets *lagging) {
		k.renewTokens()
		k.set(func() { k.accepted = []string{oldCredentials, newCredentials} })
		k.renewTokens()
		secrets.store(newCredentials)
		k.renewTokens()
		k.set(func() { k.accepted = []string{newCredentials} }) // before the service rereads its secret
		k.renewTokens()
		if secrets.rereads == 0 {
			t.Error("the secret was not reread after the refusal")
		}
	})
}

// TestRotationBeforeKOSAcceptsNewCredentials rotates in the wrong order: the service has the new
// credentials first.
func TestRotationBeforeKOSAcceptsNewCredentials(t *testing.T) {
	t.Parallel()
	withRotation(t, func(k *kos, secrets *lagging) {
		k.renewTokens()
		secrets.store(newCredentials)
		if _, err := secrets.Reread(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		k.renewTokens()
		k.set(func() { k.accepted = []string{newCredentials} })
		k.renewTokens()
	})
}

func TestRejectedCredentialsAreNotRetriedForever(t *testing.T) {
	t.Parallel()
	k := &kos{t: t, accepted: []string{}}
	k.set(func() {})
	secrets := &lagging{cached: oldCredentials, stored: newCredentials}
	client := kosclient.New(kosclient.Config{}, secrets, k, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if _, err := ask(t.Context(), client); !errors.Is(err, kosclient.ErrUnavailable) || secrets.rereads != 1 {
		t.Errorf("%v after %d rereads", err, secrets.rereads)
	}
}
