// Package settings defines the secret kos-mock-config: clients, tokens and the behaviour of
// endpoints. It is a secret because it contains the clients' secrets and the signing key.
package settings

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
)

// Settings is the content of the secret.
type Settings struct {
	// Clients are the registered clients. At least one is required.
	Clients []Client `json:"clients"`
	// Token configures access tokens.
	Token Token `json:"token"`
	// AdminEnabled enables the admin API, which changes the behaviour at run time. Default: false.
	AdminEnabled bool `json:"adminEnabled"`
	// MockDataEnabled enables POST /api/v1/kos/mock-datas. Default: false.
	MockDataEnabled bool `json:"mockDataEnabled"`
	// PopulationSize is the number of generated lines, 0 to 10,000,000. Default: 1,000,000.
	PopulationSize int `json:"populationSize"`
	// Endpoints override values of behavior.Defaults. Omitted endpoints and values keep their
	// defaults.
	Endpoints map[behavior.Endpoint]behavior.Profile `json:"endpoints"`
}

// Client is a registered client.
type Client struct {
	ID     string `json:"clientId"`
	Secret string `json:"clientSecret"`
	// PreviousSecret is accepted as well, for the time of a secret rotation.
	PreviousSecret string `json:"previousClientSecret"`
}

// Token configures access tokens.
type Token struct {
	// SigningKey is the HMAC key: base64 of at least 32 bytes.
	SigningKey []byte `json:"signingKey"`
	// TTLSeconds is the lifetime of a token. Default: 3,600.
	TTLSeconds int `json:"ttlSeconds"`
}

// TTL returns the lifetime of a token.
func (t Token) TTL() time.Duration { return time.Duration(t.TTLSeconds) * time.Second }

// MaxPopulation is the size of the generated number range.
const MaxPopulation = 10_000_000

const (
	minKeyBytes    = 32 // RFC 7518, section 3.2, for HS256
	minSecretChars = 16
)

// document is like Settings, but distinguishes omitted values from zero.
type document struct {
	Settings
	Endpoints map[behavior.Endpoint]json.RawMessage `json:"endpoints"`
}

// Parse parses the secret's JSON. It refuses unknown keys, unknown endpoints and values out of
// range, and returns all errors at once. Errors contain no values.
func Parse(text []byte) (*Settings, error) {
	doc := document{Settings: Settings{
		Token:          Token{TTLSeconds: 3600},
		PopulationSize: 1_000_000,
	}}
	if err := strict(text, &doc); err != nil {
		return nil, err
	}
	settings := doc.Settings
	endpoints, err := profiles(doc.Endpoints)
	settings.Endpoints = endpoints
	if err := errors.Join(err, settings.Validate()); err != nil {
		return nil, err
	}
	return &settings, nil
}

// profiles merges the configured values into the defaults.
func profiles(configured map[behavior.Endpoint]json.RawMessage) (map[behavior.Endpoint]behavior.Profile, error) {
	var faults []error
	all := behavior.Defaults()
	for endpoint, text := range configured {
		profile, known := all[endpoint]
		if !known {
			faults = append(faults, fmt.Errorf("endpoints: unknown endpoint %q", endpoint))
			continue
		}
		if err := strict(text, &profile); err != nil {
			faults = append(faults, fmt.Errorf("endpoints.%s: %w", endpoint, err))
		}
		all[endpoint] = profile
	}
	return all, errors.Join(faults...)
}

// strict decodes exactly one JSON value without unknown keys. Its errors contain keys and
// positions, but no values, because the text is a secret.
func strict(text []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return redact(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

func redact(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s: want %s", wrong.Field, wrong.Type)
	}
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("invalid JSON at byte %d", wrong.Offset)
	}
	if _, ok := errors.AsType[base64.CorruptInputError](err); ok {
		return errors.New("token.signingKey: want base64")
	}
	return err // names an unknown key, or reports a truncated text
}

// Validate returns all values out of range.
func (s *Settings) Validate() error {
	var faults []error
	if len(s.Token.SigningKey) < minKeyBytes {
		faults = append(faults, fmt.Errorf("token.signingKey: want %d bytes or more", minKeyBytes))
	}
	if s.Token.TTLSeconds < 1 {
		faults = append(faults, errors.New("token.ttlSeconds: want 1 or more"))
	}
	if s.PopulationSize < 0 || s.PopulationSize > MaxPopulation {
		faults = append(faults, fmt.Errorf("populationSize: want 0 to %d", MaxPopulation))
	}
	for endpoint, profile := range s.Endpoints {
		if err := profile.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("endpoints.%s: %w", endpoint, err))
		}
	}
	return errors.Join(append(faults, validateClients(s.Clients))...)
}

func validateClients(clients []Client) error {
	var faults []error
	if len(clients) == 0 {
		faults = append(faults, errors.New("clients: want one or more"))
	}
	seen := make(map[string]bool, len(clients))
	for i, client := range clients {
		if client.ID == "" || seen[client.ID] {
			faults = append(faults, fmt.Errorf("clients[%d].clientId: missing or given twice", i))
		}
		seen[client.ID] = true
		if len(client.Secret) < minSecretChars {
			faults = append(faults, fmt.Errorf("clients[%d].clientSecret: want %d characters or more", i, minSecretChars))
		}
		if client.PreviousSecret != "" && len(client.PreviousSecret) < minSecretChars {
			faults = append(faults, fmt.Errorf("clients[%d].previousClientSecret: want %d characters or more, or none", i, minSecretChars))
		}
	}
	return errors.Join(faults...)
}
