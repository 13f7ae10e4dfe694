// Package identitytest contains test doubles of the domain's interfaces, and the conformance suites
// that run against both the in-memory stores and the real ones.
package identitytest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Store is everything that PostgreSQL stores.
type Store interface {
	accounts
	identity.SessionIndex
	identity.Attempts
}

// accounts is the part of a Store that is about users.
type accounts interface {
	identity.Users
	identity.Credentials
	identity.Directory
}

// Memory is a Store in memory.
type Memory struct {
	mu       sync.Mutex
	accounts map[string]identity.Account
	sessions map[string]identity.Session
	attempts map[string]attempts // by claimed id
	acts     []identity.Act
	moved    map[string]bool // ids of users whose line has moved to another account
	now      func() time.Time
	fault    error
}

var _ Store = (*Memory)(nil)

// NewMemory returns a Store with accounts.
func NewMemory(now func() time.Time, accounts ...identity.Account) *Memory {
	m := &Memory{
		accounts: make(map[string]identity.Account), sessions: make(map[string]identity.Session),
		attempts: make(map[string]attempts), moved: make(map[string]bool), now: now,
	}
	for _, account := range accounts {
		m.accounts[account.ID] = account
	}
	return m
}

// Fail makes all calls return err; nil ends that.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = err
}

// Change changes an account, as an administrator would.
func (m *Memory) Change(id string, change func(*identity.Account)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	account := m.accounts[id]
	change(&account)
	m.accounts[id] = account
}

// Put adds or replaces an account without checks.
func (m *Memory) Put(a identity.Account) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accounts[a.ID] = a
}

// Indexed returns the ids of a user's sessions, sorted.
func (m *Memory) Indexed(userID string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []string
	for id, session := range m.sessions {
		if session.UserID == userID {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// User implements identity.Users.
func (m *Memory) User(ctx context.Context, id string) (identity.User, error) {
	account, err := m.Account(ctx, id)
	return account.User, err
}

// Available implements identity.Users.
func (m *Memory) Available(_ context.Context, u identity.User) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.available(u)
}

func (m *Memory) available(u identity.User) error {
	if m.fault != nil {
		return m.fault
	}
	for id := range m.accounts {
		if sameID(id, u.ID) {
			return identity.ErrUserIDTaken
		}
	}
	var err error
	for _, other := range m.accounts {
		switch {
		case u.CustomerID != "" && other.CustomerID == u.CustomerID:
			return identity.ErrCustomerTaken
		case u.Line != "" && other.Line == u.Line && !m.moved[other.ID]:
			err = identity.ErrLineTaken
		}
	}
	return err
}

// Create implements identity.Users.
func (m *Memory) Create(_ context.Context, a identity.Account) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.available(a.User); err != nil {
		return err
	}
	m.accounts[a.ID] = a
	return nil
}

// Registered implements identity.Users.
func (m *Memory) Registered(_ context.Context, customerID string, line msisdn.Number) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, account := range m.accounts {
		if account.CustomerID == customerID && account.Line == line && !m.moved[account.ID] {
			return true, m.fault
		}
	}
	return false, m.fault
}

// Account implements identity.Credentials.
func (m *Memory) Account(_ context.Context, id string) (identity.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		return identity.Account{}, m.fault
	}
	account, ok := m.find(id)
	if !ok {
		return identity.Account{}, identity.ErrUserNotFound
	}
	return account, nil
}

// sameID reports whether ids are equal, ignoring the case of ASCII letters.
func sameID(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

// find returns the account with the id, ignoring case if no id matches exactly.
func (m *Memory) find(id string) (identity.Account, bool) {
	if account, ok := m.accounts[id]; ok {
		return account, true
	}
	var found []identity.Account
	for other, account := range m.accounts {
		if sameID(other, id) {
			found = append(found, account)
		}
	}
	if len(found) != 1 {
		return identity.Account{}, false
	}
	return found[0], true
}

// ReplacePassword implements identity.Credentials.
func (m *Memory) ReplacePassword(ctx context.Context, c identity.PasswordChange, end func(context.Context, []string) error) error {
	ids := slices.DeleteFunc(m.Indexed(c.UserID), func(id string) bool { return id == c.Keep })
	m.mu.Lock()
	defer m.mu.Unlock()
	account, ok := m.accounts[c.UserID]
	switch {
	case m.fault != nil:
		return m.fault
	case !ok || account.PasswordHash != c.From:
		return identity.ErrCurrentPassword
	}
	if err := end(ctx, ids); err != nil {
		return err
	}
	for _, id := range ids {
		delete(m.sessions, id)
	}
	account.PasswordHash = c.To
	m.accounts[c.UserID] = account
	return nil
}

// RenewHash implements identity.Credentials.
func (m *Memory) RenewHash(_ context.Context, userID, from, to string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	account, ok := m.accounts[userID]
	if m.fault != nil || !ok || account.PasswordHash != from {
		return false, m.fault
	}
	account.PasswordHash = to
	m.accounts[userID] = account
	return true, nil
}

// Open implements identity.SessionIndex.
func (m *Memory) Open(_ context.Context, s identity.Session, passwordHash string, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	account, ok := m.accounts[s.UserID]
	switch {
	case m.fault != nil:
		return m.fault
	case !ok || account.PasswordHash != passwordHash || account.Status != identity.StatusActive:
		return identity.ErrCredentials
	case !slices.Equal(account.Permissions, s.Permissions):
		return identity.ErrAccountChanged
	}
	m.sessions[s.ID] = s
	return nil
}

// Extend implements identity.SessionIndex.
func (m *Memory) Extend(_ context.Context, id string, _ time.Time) (identity.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		return identity.User{}, m.fault
	}
	account, ok := m.accounts[m.sessions[id].UserID]
	if !ok {
		return identity.User{}, identity.ErrUserNotFound
	}
	return account.User, nil
}

// Close implements identity.SessionIndex.
func (m *Memory) Close(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault == nil {
		delete(m.sessions, id)
	}
	return m.fault
}

// Sessions implements identity.SessionIndex.
func (m *Memory) Sessions(_ context.Context, userID string) ([]identity.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []identity.Session
	for id, session := range m.sessions {
		if session.UserID == userID {
			found = append(found, identity.Session{ID: id, UserID: userID, Origin: session.Origin})
		}
	}
	slices.SortFunc(found, func(a, b identity.Session) int { return b.Origin.At.Compare(a.Origin.At) })
	return found[:min(len(found), identity.MaxOwnSessions)], m.fault
}
