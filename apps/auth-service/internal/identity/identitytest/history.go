package identitytest

import (
	"context"
	"slices"
	"sync"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// History is an identity.LoginHistory in memory.
type History struct {
	mu     sync.Mutex
	logins []identity.Login
}

var _ identity.LoginHistory = (*History)(nil)

// All returns all entries in order of time, including those without a user.
func (h *History) All() []identity.Login {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.logins)
}

// AppendLogin implements identity.LoginHistory.
func (h *History) AppendLogin(_ context.Context, l identity.Login) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logins = append(h.logins, l)
	slices.SortStableFunc(h.logins, func(a, b identity.Login) int { return a.At.Compare(b.At) })
}

// Logins implements identity.LoginHistory.
func (h *History) Logins(_ context.Context, userID string, page, size int) (identity.LoginPage, error) {
	own := slices.DeleteFunc(h.All(), func(l identity.Login) bool { return userID == "" || l.UserID != userID })
	slices.Reverse(own)
	own = own[:min(len(own), identity.MaxLoginDepth)]
	from := min((page-1)*size, len(own))
	return identity.LoginPage{Logins: own[from:min(from+size, len(own))], Total: len(own)}, nil
}
