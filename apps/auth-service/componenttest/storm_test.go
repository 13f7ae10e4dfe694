package componenttest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// addCrowd inserts n users with hashes of 2 MiB.
func (s *system) addCrowd(n int) []string {
	s.t.Helper()
	hash, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 2048, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	expect.NoError(s.t, err)
	store := postgres.NewStore(s.database.Pool, sealtest.NewStore(s.keyset).Keyring(), time.Now)
	ids, accounts := make([]string, n), make([]identity.Account, n)
	for i := range n {
		ids[i] = fmt.Sprintf("crowd%04d", i)
		accounts[i] = identity.Account{PasswordHash: hash, User: identity.User{
			ID: ids[i], Name: "이름", CustomerID: fmt.Sprintf("CROWD%04d", i),
			Line: msisdn.Number(fmt.Sprintf("0107666%04d", i)), Status: identity.StatusActive, Permissions: []string{"BILL_INQUIRY"},
		}}
	}
	added, err := store.Import(s.t.Context(), accounts)
	expect.NoError(s.t, err)
	expect.Equal(s.t, added, n)
	return ids
}

// persist logs in until that succeeds, as Retry-After requires, and returns the number of tries.
func (s *system) persist(userID string) (tries int) {
	for tries = 1; ; tries++ {
		a := s.tryLogin(userID, password)
		if a.status == http.StatusOK {
			return tries
		}
		a.want(s.t, http.StatusTooManyRequests, "RATE_LIMITED")
		seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
		if err != nil || seconds < 1 || tries == 10 {
			s.t.Errorf("Retry-After is %q at try %d", a.header.Get("Retry-After"), tries)
			return tries
		}
		<-time.After(time.Duration(seconds)*time.Second + rand.N(200*time.Millisecond)) // with the way here
	}
}

// fillPool makes the service open its database connections, which takes long while all CPUs hash.
func (s *system) fillPool() {
	s.t.Helper()
	access := s.login("user0001").text("access_token")
	var group sync.WaitGroup
	for range 30 {
		group.Go(func() { s.get("/api/v1/auth/login-history", access).want(s.t, http.StatusOK, "") })
	}
	group.Wait()
}

// TestLoginStorm: customers of one address who log in at once and return when their turn comes are all
// in. The queue is short, so that most are refused at first. Three tries suffice if the hashes take as
// long as those before, which package password tests on a clock of its own.
func TestLoginStorm(t *testing.T) { //nolint:paralleltest // it takes the whole machine: others would wait for longer than they may
	const clients = 150
	s := start(t, "PASSWORD_MEMORY_KIB=2048", "PASSWORD_ITERATIONS=2", "PASSWORD_QUEUE=30")
	s.fillPool()
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		tries = make(map[int]int)
	)
	begin := time.Now()
	for _, id := range s.addCrowd(clients) {
		group.Go(func() {
			n := s.persist(id)
			mu.Lock()
			defer mu.Unlock()
			tries[n]++
		})
	}
	group.Wait()
	t.Logf("%d logins in %v, by tries %v", clients, time.Since(begin).Round(time.Second/10), tries)
	if tries[1] == clients {
		t.Error("none was refused")
	}
	expect.Equal(t, s.metric(`phonebill_auth_throttled_total{what="login"}`), 0.0)
	expect.Equal(t, s.metric("phonebill_auth_password_away"), 0.0)
}
