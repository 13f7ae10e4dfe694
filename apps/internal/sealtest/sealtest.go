// Package sealtest provides keysets, the steps of a key rotation, and a fake secret
// store. Only tests may import it.
package sealtest

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/phonebill/phonebill/apps/internal/seal"
)

// Keyset returns a new keyset with one key.
func Keyset(tb testing.TB) string {
	tb.Helper()
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		tb.Fatal(err)
	}
	return write(tb, handle)
}

// Keyring returns a keyring with a new keyset.
func Keyring(tb testing.TB) *seal.Keyring {
	tb.Helper()
	return NewStore(Keyset(tb)).Keyring()
}

// Added returns the keyset with a new key that is not primary.
func Added(tb testing.TB, keys string) string {
	tb.Helper()
	return change(tb, keys, func(manager *keyset.Manager, _ uint32) error {
		_, err := manager.Add(aead.AES256GCMKeyTemplate())
		return err
	})
}

// Promoted returns the keyset with its last key as primary.
func Promoted(tb testing.TB, keys string) string {
	tb.Helper()
	return change(tb, keys, func(manager *keyset.Manager, last uint32) error { return manager.SetPrimary(last) })
}

// Reduced returns the keyset with its primary key only.
func Reduced(tb testing.TB, keys string) string {
	tb.Helper()
	handle := read(tb, keys)
	manager := keyset.NewManagerFromHandle(handle)
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			tb.Fatal(err)
		}
		if entry.IsPrimary() {
			continue
		}
		if err := manager.Delete(entry.KeyID()); err != nil {
			tb.Fatal(err)
		}
	}
	return finish(tb, manager)
}

// Store is the cached secret store of one replica, with one keyset.
type Store struct {
	mu   sync.Mutex
	keys string
	next string // returned by Reread first, if not empty
	err  error
}

// NewStore returns a store with the keyset keys.
func NewStore(keys string) *Store { return &Store{keys: keys} }

// Keyring returns a new keyring that reads from the store.
func (s *Store) Keyring() *seal.Keyring {
	return seal.NewKeyring(seal.Config{KeysetSecret: "data-keyset"}, s, slog.New(slog.DiscardHandler))
}

// Put replaces the keyset.
func (s *Store) Put(keys string) { s.set(keys, nil) }

// Fail makes all reads return err.
func (s *Store) Fail(err error) { s.set("", err) }

// Announce replaces the keyset when Reread is next called; until then Secret returns
// the old one.
func (s *Store) Announce(keys string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = keys
}

func (s *Store) set(keys string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.next, s.err = keys, "", err
}

// Secret implements seal.Secrets.
func (s *Store) Secret(context.Context, string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys, s.err
}

// Reread implements seal.Secrets.
func (s *Store) Reread(context.Context, string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != "" {
		s.keys, s.next = s.next, ""
	}
	return s.keys, s.err
}

func change(tb testing.TB, keys string, do func(manager *keyset.Manager, last uint32) error) string {
	tb.Helper()
	handle := read(tb, keys)
	last, err := handle.Entry(handle.Len() - 1)
	if err != nil {
		tb.Fatal(err)
	}
	manager := keyset.NewManagerFromHandle(handle)
	if err := do(manager, last.KeyID()); err != nil {
		tb.Fatal(err)
	}
	return finish(tb, manager)
}

func finish(tb testing.TB, manager *keyset.Manager) string {
	tb.Helper()
	handle, err := manager.Handle()
	if err != nil {
		tb.Fatal(err)
	}
	return write(tb, handle)
}

func read(tb testing.TB, keys string) *keyset.Handle {
	tb.Helper()
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(strings.NewReader(keys)))
	if err != nil {
		tb.Fatal(err)
	}
	return handle
}

func write(tb testing.TB, handle *keyset.Handle) string {
	tb.Helper()
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		tb.Fatal(err)
	}
	return text.String()
}
