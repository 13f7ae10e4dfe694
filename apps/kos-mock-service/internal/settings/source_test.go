package settings_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/settings"
)

// store is a secret store with one secret.
type store struct{ text string }

func (s *store) Secret(_ context.Context, name string) (string, error) {
	if name != "kos-mock-config" || s.text == "" {
		return "", errors.New("no such secret")
	}
	return s.text, nil
}

func newSource(text string) (*store, *settings.Source, *bytes.Buffer) {
	secrets, log := &store{text}, &bytes.Buffer{}
	return secrets, settings.NewSource(secrets, "kos-mock-config", slog.New(slog.NewTextHandler(log, nil))), log
}

func TestSourceFollowsTheSecret(t *testing.T) {
	t.Parallel()
	secrets, source, log := newSource(minimal)
	first, err := source.Current(t.Context())
	if err != nil || first.AdminEnabled {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, _ := source.Current(t.Context()); again != first {
		t.Error("an unchanged secret was parsed again")
	}
	secrets.text = strings.Replace(minimal, "{", `{"adminEnabled":true,`, 1)
	changed, err := source.Current(t.Context())
	if err != nil || !changed.AdminEnabled {
		t.Errorf("%+v, %v", changed, err)
	}
	if n := strings.Count(log.String(), "settings loaded"); n != 2 {
		t.Errorf("loaded %d times", n)
	}
	if strings.Contains(log.String(), "0123456789abcdef") {
		t.Error("log contains a secret")
	}
}

func TestSourceKeepsTheLastValidSettings(t *testing.T) {
	t.Parallel()
	secrets, source, log := newSource(minimal)
	if _, err := source.Current(t.Context()); err != nil {
		t.Fatal(err)
	}
	secrets.text = "{}"
	for range 2 {
		if _, err := source.Current(t.Context()); err != nil {
			t.Errorf("valid settings were discarded: %v", err)
		}
		if err := source.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "clients") {
			t.Errorf("readiness is %v", err)
		}
	}
	if n := strings.Count(log.String(), "settings refused"); n != 1 {
		t.Errorf("refusal was logged %d times", n)
	}
}

func TestSourceIsNotReadyWithoutSettings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"no secret":      {"", "not loaded"},
		"invalid secret": {"{}", "clients"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secrets, source, _ := newSource(tc.text)
			if _, err := source.Current(t.Context()); err == nil {
				t.Error("got settings without a valid secret")
			}
			if err := source.Check(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("readiness is %v", err)
			}
			secrets.text = minimal
			if err := source.Check(t.Context()); err != nil {
				t.Errorf("not ready with settings: %v", err)
			}
		})
	}
}

func TestPseudonym(t *testing.T) {
	t.Parallel()
	one, err := settings.Parse([]byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	other, err := settings.Parse([]byte(strings.Replace(minimal, "a2V5", "a2V6", 1)))
	if err != nil {
		t.Fatal(err)
	}
	name := one.Pseudonym("01012345678")
	if name != one.Pseudonym("01012345678") || len(name) != 32 || strings.Contains(name, "12345678") {
		t.Errorf("pseudonym %q", name)
	}
	if name == one.Pseudonym("01012345679") || name == other.Pseudonym("01012345678") {
		t.Error("pseudonym depends on neither line nor key")
	}
	if one.Pseudonym("") != "" {
		t.Error("the pseudonym of no line is not empty")
	}
}
