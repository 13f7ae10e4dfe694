package identity_test

import (
	"context"
	"testing"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
)

// updatedUser is a session store in which an administrator updates the user before each of the first
// sessions is created.
type updatedUser struct {
	identity.SessionStore

	updates int
	update  func(n int)
}

func (d *updatedUser) Create(ctx context.Context, s identity.Session) error {
	if d.updates > 0 {
		d.updates--
		d.update(d.updates)
	}
	return d.SessionStore.Create(ctx, s)
}

func TestLoginRetriesAfterConcurrentUpdates(t *testing.T) {
	t.Parallel()
	for updates, want := range map[int]error{1: nil, 3: nil, 100: identity.ErrAccountChanged} {
		w := setup()
		w.sessions.Store = &updatedUser{w.live, updates, func(n int) {
			w.store.Change("kim", func(a *identity.Account) { a.Permissions = [][]string{{"BILL_INQUIRY"}, {}}[n%2] })
		}}
		grant, err := w.sessions.Login(t.Context(), credentials("kim", identitytest.Password))
		wantError(t, err, want)
		if want == nil && (len(grant.User.Permissions) != 1 || grant.User.Permissions[0] != "BILL_INQUIRY") {
			t.Errorf("after %d updates: %v", updates, grant.User.Permissions)
		}
	}
}
