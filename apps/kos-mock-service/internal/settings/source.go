package settings

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Secrets returns secrets by name, and a changed secret within minutes.
type Secrets interface {
	Secret(ctx context.Context, name string) (string, error)
}

// Source provides the current settings. It reads them on demand, so that the service can start
// before its sidecar.
type Source struct {
	secrets Secrets
	name    string
	log     *slog.Logger

	mu       sync.Mutex
	text     string // last seen
	settings *Settings
	fault    error // error of text
}

// NewSource returns the source for the secret with that name.
func NewSource(secrets Secrets, name string, log *slog.Logger) *Source {
	return &Source{secrets: secrets, name: name, log: log}
}

// Current returns the settings: the present ones, or the last valid ones if the secret has become
// invalid. It returns an error until valid settings have been read.
func (s *Source) Current(ctx context.Context) (*Settings, error) {
	text, err := s.secrets.Secret(ctx, s.name)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(text)
	if s.settings == nil {
		return nil, fmt.Errorf("settings: secret %s: %w", s.name, s.fault)
	}
	return s.settings, nil
}

// take parses text unless it is unchanged.
func (s *Source) take(text string) {
	if text == s.text {
		return
	}
	s.text = text
	parsed, err := Parse([]byte(text))
	if s.fault = err; err != nil {
		s.log.Error("settings refused", "secret", s.name, "error", err)
		return
	}
	s.settings = parsed
	s.log.Info("settings loaded", "secret", s.name, "clients", len(parsed.Clients),
		"admin", parsed.AdminEnabled, "mock_data", parsed.MockDataEnabled, "population", parsed.PopulationSize)
}

// Check is the readiness check: it requires loaded settings and a valid secret.
func (s *Source) Check(ctx context.Context) error {
	if _, err := s.Current(ctx); err != nil && s.valid() == nil {
		return errors.New(s.name + " is not loaded: secret store is unavailable")
	}
	return s.valid()
}

// valid returns the error of the present secret, if one was read.
func (s *Source) valid() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// Pseudonym returns a keyed pseudonym of the line, or "" for no line.
func (s *Settings) Pseudonym(number msisdn.Number) string {
	if number == "" {
		return ""
	}
	mac := hmac.New(sha256.New, s.Token.SigningKey)
	mac.Write([]byte("line " + number.Digits()))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
