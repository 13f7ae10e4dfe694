package token_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/token"
	"github.com/phonebill/phonebill/apps/auth-service/internal/token/tokentest"
	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

// issuing is an Issuer with its dependencies.
type issuing struct {
	*token.Issuer
	vault    *vault
	ledger   *tokentest.Ledger
	keys     *token.Keys
	verifier *jwtauth.Verifier
	clock    time.Time
}

// lead is the time between a key's publication and its first signature.
const lead = 10 * time.Minute

var names = jwtauth.Config{Issuer: "test-issuer", Audience: "test-audience"}

func setup(t *testing.T, keys ...tokentest.Key) *issuing {
	t.Helper()
	s := setupOn(t, nil, &vault{})
	s.ledger = tokentest.NewLedger(func() time.Time { return s.clock })
	s.issueFrom(s.ledger)
	if len(keys) > 0 {
		s.vault.put(tokentest.Set(t, keys...))
	}
	return s
}

// setupOn is setup of another replica.
func setupOn(t *testing.T, ledger *tokentest.Ledger, store *vault) *issuing {
	t.Helper()
	s := &issuing{vault: store, ledger: ledger, clock: time.Now().Truncate(time.Second)}
	s.issueFrom(ledger)
	return s
}

func (s *issuing) issueFrom(ledger *tokentest.Ledger) {
	now := func() time.Time { return s.clock }
	s.keys = token.NewKeys(token.KeysParams{
		Secrets: s.vault, Secret: "keys", Ledger: ledger, Lead: lead, Log: slog.New(slog.DiscardHandler), Now: now,
	})
	s.verifier = jwtauth.NewVerifier(names, s.keys, now)
	s.Issuer = token.NewIssuer(token.Config{AccessTTL: 30 * time.Minute, RefreshTTL: 24 * time.Hour}, names, s.keys, s.verifier, now)
}

var (
	user    = identity.User{ID: "kim", Name: "김", CustomerID: "CUST1", Line: "01011112222"}
	session = identity.Session{
		ID: "session", UserID: "kim", Lines: []string{"01011112222"},
		Permissions: []string{identity.PermissionBillInquiry}, RefreshID: "refresh-id",
		EndsAt: time.Now().Add(720 * time.Hour),
	}
)

func TestIssuedClaims(t *testing.T) {
	t.Parallel()
	s := setup(t, tokentest.NewKey(t, "signer"), tokentest.NewKey(t, "other"))
	pair, err := s.Issue(t.Context(), user, session)
	if err != nil {
		t.Fatal(err)
	}
	access := parse(t, s, pair.Access, jwtauth.TypeAccess)
	if access.ID == "" || access.ID == session.RefreshID {
		t.Errorf("access token has the id %q", access.ID)
	}
	want := &jwtauth.Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: "test-issuer", Audience: jwt.ClaimStrings{"test-audience"}, Subject: "kim", ID: access.ID,
			IssuedAt: jwt.NewNumericDate(s.clock), ExpiresAt: jwt.NewNumericDate(s.clock.Add(30 * time.Minute)),
		},
		SessionID: "session", Type: "access", CustomerID: "CUST1",
		Lines: []string{"01011112222"}, Permissions: []string{"BILL_INQUIRY"},
	}
	if diff := cmp.Diff(want, access); diff != "" {
		t.Errorf("access token (-want +got):\n%s", diff)
	}
	refresh := parse(t, s, pair.Refresh, jwtauth.TypeRefresh)
	want.ID, want.ExpiresAt, want.Type = "refresh-id", jwt.NewNumericDate(s.clock.Add(24*time.Hour)), "refresh"
	want.CustomerID, want.Lines, want.Permissions = "", nil, nil
	if diff := cmp.Diff(want, refresh); diff != "" {
		t.Errorf("refresh token (-want +got):\n%s", diff)
	}
	if pair.ExpiresIn != 30*time.Minute {
		t.Errorf("expires in %s", pair.ExpiresIn)
	}
}

func TestTokensExpireWithTheSession(t *testing.T) {
	t.Parallel()
	s := setup(t, tokentest.NewKey(t, "signer"))
	ending := session
	ending.EndsAt = s.clock.Add(10 * time.Minute)
	pair, err := s.Issue(t.Context(), user, ending)
	if err != nil {
		t.Fatal(err)
	}
	for typ, text := range map[string]string{jwtauth.TypeAccess: pair.Access, jwtauth.TypeRefresh: pair.Refresh} {
		if got := parse(t, s, text, typ).ExpiresAt; !got.Equal(ending.EndsAt) {
			t.Errorf("the %s token lasts until %v, the session until %v", typ, got, ending.EndsAt)
		}
	}
	if pair.ExpiresIn != 10*time.Minute {
		t.Errorf("expires in %s", pair.ExpiresIn)
	}
}

// parse verifies a token as every service does, and checks that the first key of the set signed it.
func parse(t *testing.T, s *issuing, text, typ string) *jwtauth.Claims {
	t.Helper()
	claims, err := s.verifier.Verify(t.Context(), text, typ)
	if err != nil {
		t.Fatal(err)
	}
	unverified, _, err := jwt.NewParser().ParseUnverified(text, &jwtauth.Claims{})
	if err != nil {
		t.Fatal(err)
	}
	if unverified.Header["kid"] != "signer" || unverified.Header["alg"] != "ES256" {
		t.Errorf("header is %v", unverified.Header)
	}
	return claims
}

func TestReadRefreshAcceptsIssuedToken(t *testing.T) {
	t.Parallel()
	s := setup(t, tokentest.NewKey(t, "signer"))
	pair, err := s.Issue(t.Context(), user, session)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.ReadRefresh(t.Context(), pair.Refresh)
	if want := (identity.RefreshToken{ID: "refresh-id", SessionID: "session"}); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	s.clock = s.clock.Add(24 * time.Hour)
	wantRefused(t, s, pair.Refresh)
}

func TestReadRefreshAfterKeyRotation(t *testing.T) {
	t.Parallel()
	old := tokentest.NewKey(t, "old")
	s := setup(t, old)
	pair, err := s.Issue(t.Context(), user, session)
	if err != nil {
		t.Fatal(err)
	}
	s.vault.put(tokentest.Set(t, tokentest.NewKey(t, "new"), old))
	if _, err := s.ReadRefresh(t.Context(), pair.Refresh); err != nil {
		t.Error(err)
	}
}

func TestReadRefreshRefusesOtherTokens(t *testing.T) {
	t.Parallel()
	key, stranger := tokentest.NewKey(t, "signer"), tokentest.NewKey(t, "signer")
	s := setup(t, key)
	pair, err := s.Issue(t.Context(), user, session)
	if err != nil {
		t.Fatal(err)
	}
	good := func() jwtauth.Claims { return *parse(t, s, pair.Refresh, jwtauth.TypeRefresh) }
	for name, text := range map[string]string{
		"nothing":      "",
		"nonsense":     "a.b.c",
		"access token": pair.Access,
		"other key":    sign(t, jwt.SigningMethodES256, stranger.Private, good()),
		"alg none":     sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good()),
		"hmac with the public key": sign(t, jwt.SigningMethodHS256,
			[]byte(tokentest.PublicSet(t, key)), good()),
		"other issuer":   sign(t, jwt.SigningMethodES256, key.Private, with(good(), func(c *jwtauth.Claims) { c.Issuer = "another" })),
		"other audience": sign(t, jwt.SigningMethodES256, key.Private, with(good(), func(c *jwtauth.Claims) { c.Audience = nil })),
		"no expiry":      sign(t, jwt.SigningMethodES256, key.Private, with(good(), func(c *jwtauth.Claims) { c.ExpiresAt = nil })),
		"no session":     sign(t, jwt.SigningMethodES256, key.Private, with(good(), func(c *jwtauth.Claims) { c.SessionID = "" })),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefused(t, s, text)
		})
	}
}

// sign returns a token that names the key "signer", whatever key signs it.
func sign(t *testing.T, method jwt.SigningMethod, key any, claims jwtauth.Claims) string {
	t.Helper()
	made := jwt.NewWithClaims(method, claims)
	made.Header["kid"] = "signer"
	text, err := made.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func with(claims jwtauth.Claims, change func(*jwtauth.Claims)) jwtauth.Claims {
	change(&claims)
	return claims
}

func wantRefused(t *testing.T, s *issuing, text string) {
	t.Helper()
	if got, err := s.ReadRefresh(t.Context(), text); !errors.Is(err, identity.ErrRefreshToken) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestMissingKeysFailIssueAndRead(t *testing.T) {
	t.Parallel()
	s := setup(t)
	if _, err := s.Issue(t.Context(), user, session); !errors.Is(err, token.ErrNoKey) {
		t.Errorf("Issue: %v", err)
	}
	signed := sign(t, jwt.SigningMethodES256, tokentest.NewKey(t, "signer").Private, jwtauth.Claims{Type: jwtauth.TypeRefresh})
	if _, err := s.ReadRefresh(t.Context(), signed); !errors.Is(err, token.ErrNoKey) {
		t.Errorf("ReadRefresh: %v", err)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environ []string
		valid   bool
	}{
		"defaults":        {nil, true},
		"no secret":       {[]string{"TOKEN_KEY_SECRET="}, true}, // the default applies
		"no life":         {[]string{"TOKEN_ACCESS_TTL=0s"}, false},
		"refresh shorter": {[]string{"TOKEN_REFRESH_TTL=1m"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := config.Load[token.Config](c.environ); (err == nil) != c.valid {
				t.Errorf("got %v", err)
			}
		})
	}
}
