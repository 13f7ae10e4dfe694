package settings_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/settings"
)

const (
	key     = `"a2V5LWtleS1rZXkta2V5LWtleS1rZXkta2V5LWtleS0="` // 32 bytes
	clients = `"clients":[{"clientId":"bill-inquiry-service","clientSecret":"0123456789abcdef"}]`
	minimal = `{` + clients + `,"token":{"signingKey":` + key + `}}`
)

func TestParseFillsInDefaults(t *testing.T) {
	t.Parallel()
	got, err := settings.Parse([]byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	want := &settings.Settings{
		Clients:        []settings.Client{{ID: "bill-inquiry-service", Secret: "0123456789abcdef"}},
		Token:          settings.Token{SigningKey: []byte("key-key-key-key-key-key-key-key-"), TTLSeconds: 3600},
		PopulationSize: 1_000_000,
		Endpoints:      behavior.Defaults(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Token.TTL() != time.Hour {
		t.Errorf("TTL is %v", got.Token.TTL())
	}
}

func TestParseKeepsDefaultsOfValuesLeftOut(t *testing.T) {
	t.Parallel()
	got, err := settings.Parse([]byte(strings.Replace(minimal, "{", `{"endpoints":{"products":{"errorShare":0}},`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	want := behavior.Defaults()
	products := want[behavior.Products]
	products.ErrorShare = 0
	want[behavior.Products] = products
	if diff := cmp.Diff(want, got.Endpoints); diff != "" {
		t.Error(diff)
	}
}

func TestParseRefusesInvalidSettings(t *testing.T) {
	t.Parallel()
	with := func(text string) string { return strings.Replace(minimal, "{", "{"+text+",", 1) }
	tests := map[string]struct {
		text string
		want []string // all must be in the error
	}{
		"no JSON":             {`nonsense`, []string{"invalid JSON"}},
		"truncated":           {`{"clients":`, []string{"EOF"}},
		"two values":          {minimal + `{}`, []string{"more than one"}},
		"nothing":             {`{}`, []string{"clients", "token.signingKey"}},
		"unknown key":         {with(`"lagency":1`), []string{"lagency"}},
		"unknown endpoint":    {with(`"endpoints":{"bills":{}}`), []string{"bills"}},
		"unknown in endpoint": {with(`"endpoints":{"auth":{"rate":1}}`), []string{"endpoints.auth", "rate"}},
		"wrong type":          {with(`"adminEnabled":"yes"`), []string{"adminEnabled", "bool"}},
		"ranges": {
			with(`"populationSize":10000001,"endpoints":{"auth":{"errorShare":1.5,"errorStatus":404,"limitPerMinute":-1,"latency":{"minMs":9,"maxMs":8}}}`),
			[]string{"populationSize", "errorShare", "errorStatus", "limitPerMinute", "latency"},
		},
		"latency beyond the server's own": {with(`"endpoints":{"auth":{"latency":{"minMs":0,"maxMs":15001}}}`), []string{"latency"}},
		"short key":                       {`{` + clients + `,"token":{"signingKey":"c2hvcnQ=","ttlSeconds":0}}`, []string{"signingKey", "ttlSeconds"}},
		"key is not base64":               {`{` + clients + `,"token":{"signingKey":"?"}}`, []string{"signingKey", "base64"}},
		"client twice, short secret": {
			`{"clients":[{"clientId":"a","clientSecret":"0123456789abcdef"},{"clientId":"a","clientSecret":"hunter2","previousClientSecret":"hunter1"}],"token":{"signingKey":` + key + `}}`,
			[]string{"clients[1].clientId", "clients[1].clientSecret", "clients[1].previousClientSecret"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := settings.Parse([]byte(tc.text))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not contain %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q contains a secret", err)
			}
		})
	}
}

// The example in the README must be valid.
func TestReadmeExampleParses(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```json\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("README.md has no JSON block")
	}
	got, err := settings.Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Clients) != 3 || !got.AdminEnabled || !got.MockDataEnabled {
		t.Errorf("example is %+v", got)
	}
}
