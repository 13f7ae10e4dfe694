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

// Secrets gives secrets by name, and gives a changed one within minutes.
type Secrets interface {
	Secret(ctx context.Context, name string) (string, error)
}

// Source gives the settings in force. Nothing is read before it is needed, so
// that the service may start before its sidecar.
type Source struct {
	secrets Secrets
	name    string
	log     *slog.Logger

	mu       sync.Mutex
	text     string // last seen
	settings *Settings
	fault    error // of text
}

// NewSource returns the source of the secret called name.
func NewSource(secrets Secrets, name string, log *slog.Logger) *Source {
	return &Source{secrets: secrets, name: name, log: log}
}

// Current returns the settings in force: those of the secret as it is, or, if
// it was changed into something wrong, as it was before. It fails as long as
// no valid settings have been read.
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

// take parses text unless it is what was seen last.
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

// Check is the readiness check: settings must be loaded and the secret valid.
func (s *Source) Check(ctx context.Context) error {
	if _, err := s.Current(ctx); err != nil && s.valid() == nil {
		return errors.New(s.name + " is not loaded: secret store does not answer")
	}
	return s.valid()
}

// valid reports what is wrong with the text seen last, if one was seen.
func (s *Source) valid() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// Pseudonym returns a name for the line that says nothing about it to those
// who do not know the settings, and "" for none.
func (s *Settings) Pseudonym(number msisdn.Number) string {
	if number == "" {
		return ""
	}
	mac := hmac.New(sha256.New, s.Token.SigningKey)
	mac.Write([]byte("line " + number.Digits()))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
