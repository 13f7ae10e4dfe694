package identity_test

import (
	"context"
	"testing"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
)

// decided is a session store in which an administrator's decision precedes the creation of each of
// the first sessions.
type decided struct {
	identity.SessionStore

	decisions int
	decide    func(n int)
}

func (d *decided) Create(ctx context.Context, s identity.Session) error {
	if d.decisions > 0 {
		d.decisions--
		d.decide(d.decisions)
	}
	return d.SessionStore.Create(ctx, s)
}

func TestLoginRetriesAfterConcurrentDecisions(t *testing.T) {
	t.Parallel()
	for decisions, want := range map[int]error{1: nil, 3: nil, 100: identity.ErrAccountChanged} {
		w := setup()
		w.sessions.Store = &decided{w.live, decisions, func(n int) {
			w.store.Change("kim", func(a *identity.Account) { a.Permissions = [][]string{{"BILL_INQUIRY"}, {}}[n%2] })
		}}
		grant, err := w.sessions.Login(t.Context(), credentials("kim", identitytest.Password))
		wantError(t, err, want)
		if want == nil && (len(grant.User.Permissions) != 1 || grant.User.Permissions[0] != "BILL_INQUIRY") {
			t.Errorf("after %d decisions: %v", decisions, grant.User.Permissions)
		}
	}
}
