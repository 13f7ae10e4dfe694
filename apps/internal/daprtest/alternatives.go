package daprtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/rabbitmqtest"
)

// PostgresState returns the session store of components/alternatives/postgresql under another name,
// in a database of the tests' PostgreSQL that is dropped when the test ends.
func PostgresState(t testing.TB, name string) string {
	t.Helper()
	database := pgtest.New(t, fstest.MapFS{"001_nothing.sql": {Data: []byte("SELECT")}}) // the component creates its tables
	return alternative(t, "postgresql/session-store.yaml", name, map[string]string{
		"host": database.Config.Host, "port": strconv.Itoa(database.Config.Port), "database": database.Config.Name,
		"user": database.Config.User, "password": database.Password,
	})
}

// RabbitMQPubSub returns the broker of components/alternatives/rabbitmq under another name, on a broker
// of the test, and without scopes for topics.
func RabbitMQPubSub(t testing.TB, name string, broker *rabbitmqtest.Broker) string {
	t.Helper()
	return alternative(t, "rabbitmq/pubsub.yaml", name, map[string]string{
		"hostname": broker.Address(), "username": rabbitmqtest.User, "password": rabbitmqtest.Password,
		"publishingScopes": "", "subscriptionScopes": "",
	})
}

// alternative returns a component of components/alternatives with another name, for any app, with
// other values of options. What operators use is what is tested.
func alternative(t testing.TB, file, name string, options map[string]string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository(t), "components", "alternatives", filepath.FromSlash(file)))
	if err != nil {
		t.Fatalf("daprtest: %v", err)
	}
	text, _, found := strings.Cut(string(content), "\nauth:\n") // and no scopes
	if !found {
		t.Fatalf("daprtest: %s has no auth", file)
	}
	text = regexp.MustCompile(`(?m)^  name: \S+$`).ReplaceAllLiteralString(text, "  name: "+name)
	for option, value := range options {
		pattern := regexp.MustCompile(`(    - name: ` + option + `\n)(      value: .*|      secretKeyRef:\n        name: .*\n        key: .*)`)
		if !pattern.MatchString(text) {
			t.Fatalf("daprtest: %s has no option %s", file, option)
		}
		text = pattern.ReplaceAllString(text, "${1}      value: "+strings.ReplaceAll(strconv.Quote(value), "$", "$$"))
	}
	return text + "\n"
}

// repository returns the root of the repository, which has the file dapr.yaml.
func repository(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatalf("daprtest: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "dapr.yaml")); err == nil {
			return folder
		}
		if parent := filepath.Dir(folder); parent != folder {
			folder = parent
			continue
		}
		t.Fatal("daprtest: not in the repository")
	}
}
