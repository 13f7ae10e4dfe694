package token_test

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/phonebill/phonebill/apps/auth-service/internal/token"
	"github.com/phonebill/phonebill/apps/auth-service/internal/token/tokentest"
	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

// signedBy returns the id of the key that signs now.
func (s *issuing) signedBy(t *testing.T) any {
	t.Helper()
	pair, err := s.Issue(t.Context(), user, session)
	if err != nil {
		t.Fatal(err)
	}
	access, _, err := jwt.NewParser().ParseUnverified(pair.Access, &jwtauth.Claims{})
	if err != nil {
		t.Fatal(err)
	}
	return access.Header["kid"]
}

func (s *issuing) wantSigner(t *testing.T, id string) {
	t.Helper()
	if got := s.signedBy(t); got != id {
		t.Errorf("%v signs, want %s", got, id)
	}
}

func TestNewKeySignsAfterLead(t *testing.T) {
	t.Parallel()
	old, fresh := tokentest.NewKey(t, "old"), tokentest.NewKey(t, "new")
	s := setup(t, old)
	s.wantSigner(t, "old") // the only key signs, whatever its age
	s.clock = s.clock.Add(time.Minute)
	s.vault.put(tokentest.Set(t, fresh, old))
	s.keys.Refresh(t.Context())
	s.wantSigner(t, "old")
	s.clock = s.clock.Add(lead - time.Second)
	s.wantSigner(t, "old")
	s.clock = s.clock.Add(time.Second)
	s.wantSigner(t, "new")
	s.vault.put(tokentest.Set(t, fresh))
	s.wantSigner(t, "new")
}

// A replica that starts during a rotation uses the ledger.
func TestLaterReplicaAgreesOnTheSigner(t *testing.T) {
	t.Parallel()
	old, fresh := tokentest.NewKey(t, "old"), tokentest.NewKey(t, "new")
	first := setup(t, old)
	first.wantSigner(t, "old")
	first.clock = first.clock.Add(time.Hour)
	first.vault.put(tokentest.Set(t, fresh, old))
	first.keys.Refresh(t.Context())

	second := setupOn(t, first.ledger, first.vault)
	second.clock = first.clock.Add(lead / 2)
	second.wantSigner(t, "old")
	second.clock = first.clock.Add(lead)
	second.wantSigner(t, "new")
}

// If the old key is removed at once, the new one signs at once.
func TestStolenKeyIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	s := setup(t, tokentest.NewKey(t, "stolen"))
	s.wantSigner(t, "stolen")
	s.vault.put(tokentest.Set(t, tokentest.NewKey(t, "new")))
	s.wantSigner(t, "new")
}

func TestLedgerOutage(t *testing.T) {
	t.Parallel()
	old, fresh := tokentest.NewKey(t, "old"), tokentest.NewKey(t, "new")
	s := setup(t, old)
	away := errors.New("away")
	s.ledger.Fail(away)
	if _, err := s.Issue(t.Context(), user, session); !errors.Is(err, token.ErrNoKey) || !errors.Is(err, away) {
		t.Errorf("before the first answer: %v", err)
	}
	s.ledger.Fail(nil)
	s.wantSigner(t, "old")
	s.ledger.Fail(away)
	s.vault.put(tokentest.Set(t, fresh, old))
	s.clock = s.clock.Add(2 * lead)
	s.wantSigner(t, "old") // issuing does not wait for the ledger
	s.ledger.Fail(nil)
	s.keys.Refresh(t.Context())
	s.clock = s.clock.Add(lead)
	s.wantSigner(t, "new")
	asked := s.ledger.Asked()
	for range 10 {
		s.wantSigner(t, "new")
	}
	if again := s.ledger.Asked() - asked; again != 0 {
		t.Errorf("asked %d times again about known keys", again)
	}
}

// An idle replica publishes a new key as soon as the others do.
func TestWatchRecordsKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, ledger := &vault{}, tokentest.NewLedger(time.Now)
		keys := token.NewKeys(token.KeysParams{
			Secrets: store, Secret: "keys", Ledger: ledger, Lead: lead, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		})
		go keys.Watch(t.Context())
		synctest.Wait()
		start := time.Now()
		store.put(tokentest.Set(t, tokentest.NewKey(t, "k")))
		bubble.Advance(5 * time.Second)
		synctest.Wait()
		bubble.Advance(time.Hour)
		since, err := ledger.PublishedSince(t.Context(), []string{"k"})
		if err != nil || since["k"].Sub(start) > 5*time.Second {
			t.Errorf("recorded after %s, %v", since["k"].Sub(start), err)
		}
	})
}

func TestLedgerContract(t *testing.T) {
	t.Parallel()
	clock := time.Now()
	now := func() time.Time { return clock }
	tokentest.LedgerContract(t, tokentest.NewLedger(now), now, func(d time.Duration) { clock = clock.Add(d) })
}
