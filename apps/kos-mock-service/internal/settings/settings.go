// Package settings defines the secret kos-mock-config: who may call KOS, with
// what tokens, and how its endpoints behave. It is a secret because it holds
// the clients' secrets and the key of the tokens.
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

// Settings are the contents of the secret.
type Settings struct {
	// Clients are the callers that KOS knows. At least one.
	Clients []Client `json:"clients"`
	// Token says how access tokens are made.
	Token Token `json:"token"`
	// AdminEnabled mounts the admin API, which changes behaviour at run time.
	// Default false: its routes do not exist.
	AdminEnabled bool `json:"adminEnabled"`
	// MockDataEnabled mounts POST /api/v1/kos/mock-datas. Default false: the
	// route does not exist.
	MockDataEnabled bool `json:"mockDataEnabled"`
	// PopulationSize is how many lines exist by rule besides the test lines, 0
	// to 10,000,000. Default 1,000,000.
	PopulationSize int `json:"populationSize"`
	// Endpoints change single values of behavior.Defaults. What is left out,
	// an endpoint or a value of one, keeps its default.
	Endpoints map[behavior.Endpoint]behavior.Profile `json:"endpoints"`
}

// Client is a registered caller.
type Client struct {
	ID     string `json:"clientId"`
	Secret string `json:"clientSecret"`
	// PreviousSecret is accepted too: while a secret is rotated, its owner may
	// have the old one still, or the new one already.
	PreviousSecret string `json:"previousClientSecret"`
}

// Token says how access tokens are made.
type Token struct {
	// SigningKey is the HMAC key, 32 bytes or more, in base64.
	SigningKey []byte `json:"signingKey"`
	// TTLSeconds is how long a token is valid. Default 3,600.
	TTLSeconds int `json:"ttlSeconds"`
}

// TTL returns how long a token is valid.
func (t Token) TTL() time.Duration { return time.Duration(t.TTLSeconds) * time.Second }

// MaxPopulation is how many line numbers the rule has.
const MaxPopulation = 10_000_000

const (
	minKeyBytes    = 32 // RFC 7518, section 3.2, for HS256
	minSecretChars = 16
)

// document mirrors Settings where a value that was left out differs from zero.
type document struct {
	Settings
	Endpoints map[behavior.Endpoint]json.RawMessage `json:"endpoints"`
}

// Parse reads the secret's JSON. Unknown keys, unknown endpoints and values
// out of range are refused, all faults at once. No error quotes a value.
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

// profiles lays what was configured over the defaults.
func profiles(configured map[behavior.Endpoint]json.RawMessage) (map[behavior.Endpoint]behavior.Profile, error) {
	var faults []error
	all := behavior.Defaults()
	for endpoint, text := range configured {
		profile, known := all[endpoint]
		if !known {
			faults = append(faults, fmt.Errorf("endpoints: no endpoint is called %q", endpoint))
			continue
		}
		if err := strict(text, &profile); err != nil {
			faults = append(faults, fmt.Errorf("endpoints.%s: %w", endpoint, err))
		}
		all[endpoint] = profile
	}
	return all, errors.Join(faults...)
}

// strict decodes exactly one JSON value without unknown keys. Its errors name
// a key or a position and never quote the text: it is a secret.
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
		return fmt.Errorf("no JSON at byte %d", wrong.Offset)
	}
	if _, ok := errors.AsType[base64.CorruptInputError](err); ok {
		return errors.New("token.signingKey: want base64")
	}
	return err // names an unknown key, or a text that ends too early
}

// Validate reports every value out of range.
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
