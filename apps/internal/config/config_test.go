package config_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/config"
)

type server struct {
	Addr  string        `env:"HTTP_ADDR" envDefault:"127.0.0.1:0"`
	Drain time.Duration `env:"HTTP_DRAIN" envDefault:"3s"`
}

func (s *server) Validate() error {
	if s.Drain <= 0 {
		return errors.New("HTTP_DRAIN must be positive")
	}
	return nil
}

type settings struct {
	HTTP server
	Name string `env:"NAME,required"`
}

func (s settings) Validate() error {
	if s.Name == "bad" {
		return errors.New("NAME must not be bad")
	}
	return nil
}

func TestLoadAppliesDefaultsAndValues(t *testing.T) {
	t.Parallel()
	got, err := config.Load[settings]([]string{"NAME=bill", "HTTP_DRAIN=5s"})
	if err != nil {
		t.Fatal(err)
	}
	want := settings{HTTP: server{Addr: "127.0.0.1:0", Drain: 5 * time.Second}, Name: "bill"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLoadReportsEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		environ []string
		want    []string
	}{
		"missing":           {nil, []string{"NAME"}},
		"unparsable":        {[]string{"NAME=x", "HTTP_DRAIN=soon"}, []string{"Drain"}},
		"nested and outer":  {[]string{"NAME=bad", "HTTP_DRAIN=-1s"}, []string{"HTTP_DRAIN must", "NAME must"}},
		"missing and wrong": {[]string{"HTTP_DRAIN=soon"}, []string{"NAME", "Drain"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load[settings](tc.environ)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %q", err, want)
				}
			}
		})
	}
}

func TestKeysListsNestedVariables(t *testing.T) {
	t.Parallel()
	got, err := config.Keys[settings]()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if want := []string{"HTTP_ADDR", "HTTP_DRAIN", "NAME"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
