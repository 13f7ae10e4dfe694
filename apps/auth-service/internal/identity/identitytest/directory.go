package identitytest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/audit"
)

// Acts returns the recorded acts.
func (m *Memory) Acts() []identity.Act {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.acts)
}

// Lock locks a user out.
func (m *Memory) Lock(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attempts[id] = attempts{count: identity.MaxFailures, last: m.now(), locked: m.now().Add(identity.LockTime)}
}

func (m *Memory) locked(id string, now time.Time) bool { return m.attempts[id].locked.After(now) }

// Member implements identity.Directory.
func (m *Memory) Member(ctx context.Context, id string, now time.Time) (identity.Member, error) {
	user, err := m.User(ctx, id)
	m.mu.Lock()
	defer m.mu.Unlock()
	return identity.Member{User: user, Locked: m.locked(user.ID, now)}, err
}

// Members implements identity.Directory.
func (m *Memory) Members(_ context.Context, f identity.UserFilter, now time.Time) (identity.UserPage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []identity.Member
	for _, id := range slices.Sorted(maps.Keys(m.accounts)) {
		member := identity.Member{User: m.accounts[id].User, Locked: m.locked(id, now)}
		if begins(member.User, f.Query) && (f.Status == "" || f.Status == member.EffectiveStatus()) {
			all = append(all, member)
		}
	}
	all = all[:min(len(all), identity.MaxListed)]
	from := min((f.Page-1)*f.Size, len(all))
	return identity.UserPage{Members: all[from:min(from+f.Size, len(all))], Total: len(all)}, m.fault
}

func begins(u identity.User, query string) bool {
	line := strings.ReplaceAll(query, "-", "")
	return strings.HasPrefix(strings.ToLower(u.ID), strings.ToLower(query)) || u.CustomerID != "" && strings.HasPrefix(u.CustomerID, query) ||
		line != "" && strings.HasPrefix(u.Line.Digits(), line)
}

// UpdateUser implements identity.Directory.
func (m *Memory) UpdateUser(ctx context.Context, act identity.Act, now time.Time, update func(context.Context, identity.UserState) (identity.User, error)) (identity.Member, error) {
	var member identity.Member
	err := m.WithUserLock(ctx, act.UserID, func(ctx context.Context, s identity.UserState) error {
		after, err := update(ctx, s)
		if err != nil {
			return err
		}
		act.UserID = s.User.ID
		account := m.accounts[act.UserID]
		account.User = after
		m.accounts[act.UserID] = account
		if after.Status != identity.StatusActive {
			maps.DeleteFunc(m.sessions, func(_ string, s identity.Session) bool { return s.UserID == act.UserID })
		}
		if act.Action == identity.ActionUnlock {
			delete(m.attempts, act.UserID)
		}
		m.acts = append(m.acts, act)
		member = identity.Member{User: after, Locked: m.locked(act.UserID, now)}
		return nil
	})
	return member, err
}

// WithUserLock implements identity.Directory.
func (m *Memory) WithUserLock(ctx context.Context, userID string, f func(context.Context, identity.UserState) error) error {
	user, _ := m.User(ctx, userID)
	sessions := m.Indexed(user.ID)
	m.mu.Lock()
	defer m.mu.Unlock()
	account, ok := m.accounts[user.ID]
	switch {
	case m.fault != nil:
		return m.fault
	case !ok:
		return identity.ErrUserNotFound
	}
	state := identity.UserState{User: account.User, Sessions: sessions, LastAdministrator: true}
	for id, other := range m.accounts {
		if id != user.ID && other.Status == identity.StatusActive && slices.Contains(other.Permissions, identity.PermissionAdmin) {
			state.LastAdministrator = false
		}
	}
	return f(ctx, state)
}

// Trail is an identity.Trail with the events that a test puts into List.
type Trail struct {
	List   []audit.Event
	Filter audit.Filter // of the last call
}

var _ identity.Trail = (*Trail)(nil)

// Events implements identity.Trail.
func (t *Trail) Events(_ context.Context, filter audit.Filter) ([]audit.Event, error) {
	t.Filter = filter
	return t.List[:min(filter.Size, len(t.List))], nil
}
