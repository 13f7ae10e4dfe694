package componenttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/phonebill/phonebill/apps/auth-service/internal/token/tokentest"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

// replica starts a second replica of the service, with its own sidecar, on the same database and
// session store.
func (s *system) replica() *system {
	s.t.Helper()
	other := *s
	other.dapr = daprtest.Start(s.t, s.options)
	other.environ = append(slices.Clone(s.environ),
		"DAPR_HTTP_PORT="+strconv.Itoa(other.dapr.HTTPPort), "DAPR_GRPC_PORT="+strconv.Itoa(other.dapr.GRPCPort))
	other.serve()
	other.awaitReady()
	return &other
}

// setSecret replaces one secret in a replica's store.
func (s *system) setSecret(name, value string) {
	s.t.Helper()
	secrets := maps.Clone(s.options.Secrets)
	secrets[name] = value
	s.dapr.SetSecrets(secrets)
}

// published returns the ids of the keys that a replica publishes.
func (s *system) published() (ids []string) {
	s.t.Helper()
	var set struct{ Keys []struct{ Kid string } }
	s.actuator("/.well-known/jwks.json", func(resp *http.Response) {
		expect.NoError(s.t, json.NewDecoder(resp.Body).Decode(&set))
	})
	for _, key := range set.Keys {
		ids = append(ids, key.Kid)
	}
	return ids
}

// replicas are replicas behind a random load balancer.
type replicas []*system

func (r replicas) any() *system { return r[rand.IntN(len(r))] }

// RoundTrip lets other services fetch the keys from a random replica.
func (r replicas) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.URL.Host = r.any().url[len("http://"):]
	return r[0].plain.Transport.RoundTrip(out)
}

func (r replicas) await(publish ...string) {
	r[0].t.Helper()
	for _, replica := range r {
		replica.await(func() bool { return slices.Equal(replica.published(), publish) })
	}
}

// user is a client that refreshes its tokens and presents them, to random replicas and to another
// service.
type user struct {
	rounds atomic.Int64
	signer atomic.Value // key id of the present tokens
}

func (u *user) work(r replicas, elsewhere *jwtauth.Verifier, stop <-chan struct{}) error {
	tokens := r.any().login("user0001")
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		access := tokens.text("access_token")
		if _, err := elsewhere.Verify(r[0].t.Context(), access, jwtauth.TypeAccess); err != nil {
			return fmt.Errorf("another service: %w", err)
		}
		if a := r.any().get("/api/v1/auth/verify", access); a.status != http.StatusOK {
			return fmt.Errorf("verify: %d %v", a.status, a.body)
		}
		if tokens = r.any().refresh(tokens.text("refresh_token")); tokens.status != http.StatusOK {
			return fmt.Errorf("refresh: %d %v", tokens.status, tokens.body)
		}
		id, err := signerOf(tokens.text("access_token"))
		if err != nil {
			return err
		}
		u.signer.Store(id)
		u.rounds.Add(1)
	}
}

func signerOf(token string) (string, error) {
	parsed, _, err := jwt.NewParser().ParseUnverified(token, &jwtauth.Claims{})
	if err != nil {
		return "", err
	}
	id, _ := parsed.Header["kid"].(string)
	return id, nil
}

// TestSigningKeysAreRotatedUnderLoad adds a key, waits until it signs, and removes the old one,
// while users work on two replicas that see each change at different times. No request may fail.
func TestSigningKeysAreRotatedUnderLoad(t *testing.T) { //nolint:paralleltest // its load would make parallel tests time out
	first := prepare(t, noKOS)
	first.environ = append(first.environ, "SECRET_AGE=1s", "TOKEN_KEY_LEAD=8s")
	first.serve()
	first.awaitReady()
	first.addUsers()
	both := replicas{first, first.replica()}
	unused := first.login("user0002").text("access_token")

	keys := jwtauth.NewRemoteKeys(both, "http://auth-service/.well-known/jwks.json", time.Now)
	elsewhere := jwtauth.NewVerifier(jwtauth.Config{Issuer: "phonebill-auth", Audience: "phonebill"}, keys, time.Now)
	users := make([]user, 6)
	stop := make(chan struct{})
	var group sync.WaitGroup
	for n := range users {
		group.Go(func() {
			if err := users[n].work(both, elsewhere, stop); err != nil {
				t.Errorf("user %d, round %d: %v", n, users[n].rounds.Load(), err)
			}
		})
	}
	allHold := func(signer string, rounds int64) func() bool {
		from := make([]int64, len(users))
		for n := range users {
			from[n] = users[n].rounds.Load()
		}
		return func() bool {
			for n := range users {
				if users[n].rounds.Load() < from[n]+rounds || users[n].signer.Load() != signer {
					return t.Failed()
				}
			}
			return true
		}
	}
	first.await(allHold("signer", 5))

	fresh := tokentest.NewKey(t, "fresh")
	for _, replica := range both { // one replica after the other
		replica.setSecret("jwt-signing-key", tokentest.Set(t, fresh, first.key))
		replicas{replica}.await("fresh", "signer")
	}
	first.await(allHold("fresh", 5))
	for _, replica := range both {
		replica.setSecret("jwt-signing-key", tokentest.Set(t, fresh))
		replicas{replica}.await("fresh")
	}
	first.await(allHold("fresh", 5))
	close(stop)
	group.Wait()
	total := int64(0)
	for n := range users {
		total += users[n].rounds.Load()
	}
	t.Logf("%d rounds of three requests", total)

	for _, replica := range both {
		replica.get("/api/v1/auth/verify", unused).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
	}
}
