package deadletters_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/deadletters"
)

const changed, loggedIn = "product.changed.v1", "user.logged-in.v1"

func event(id string) string {
	return fmt.Sprintf(`{"id":%q,"type":%q,"source":"product-change-service","data":{"lineNumber":"01012345678"}}`, id, changed)
}

// brokers are the brokers under test. Each starts a server for a test.
var brokers = map[string]func(t *testing.T) world{"redis": startRedis, "rabbitmq": startRabbitMQ}

// world is a broker with what Dapr does there.
type world interface {
	deadletters.Broker
	// bury adds a dead letter.
	bury(t *testing.T, topic, data string)
	// sent returns the data of the events of a topic.
	sent(t *testing.T, topic string) []string
}

// withBrokers runs a test with each broker.
func withBrokers(t *testing.T, test func(t *testing.T, w world)) {
	t.Helper()
	for name, start := range brokers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

func TestDeadLettersAreListedWithoutTheirData(t *testing.T) {
	t.Parallel()
	withBrokers(t, func(t *testing.T, w world) {
		t.Helper()
		w.bury(t, changed, event("1"))
		w.bury(t, loggedIn, "<no event>")
		for range 2 { // the first list takes nothing away
			letters, err := w.List(t.Context())
			if err != nil || len(letters) != 2 {
				t.Fatalf("%v, %v", letters, err)
			}
			if one := letters[0]; one.ID != "1" || one.Type != changed || one.Topic != changed || time.Since(one.At) > time.Hour {
				t.Errorf("%+v", one)
			}
			if one := letters[1]; one.ID != "" || one.Topic != loggedIn {
				t.Errorf("%+v", one)
			}
			if text := fmt.Sprint(letters); strings.Contains(text, "0101") {
				t.Errorf("listed as %s", text)
			}
		}
	})
}

func TestReplayMovesDeadLettersOnce(t *testing.T) {
	t.Parallel()
	withBrokers(t, func(t *testing.T, w world) {
		t.Helper()
		for _, id := range []string{"1", "2", "3"} {
			w.bury(t, changed, event(id))
		}
		w.bury(t, loggedIn, event("4"))
		for _, want := range []int{3, 0} {
			if moved, err := w.Replay(t.Context(), changed); moved != want || err != nil {
				t.Errorf("moved %d, %v, want %d", moved, err, want)
			}
		}
		if diff := cmp.Diff([]string{event("1"), event("2"), event("3")}, w.sent(t, changed)); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		if left, err := w.List(t.Context()); len(left) != 1 || left[0].ID != "4" || err != nil {
			t.Errorf("left %v, %v", left, err)
		}
	})
}

// TestTopicsAreThoseOfTheSubscriptions compares the topics with the components.
func TestTopicsAreThoseOfTheSubscriptions(t *testing.T) {
	t.Parallel()
	root, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(root.Path("components", "*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var resource struct {
			Kind string
			Spec struct {
				Topic           string
				DeadLetterTopic string `yaml:"deadLetterTopic"`
			}
		}
		if err := yaml.Unmarshal(text, &resource); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if resource.Kind != "Subscription" {
			continue
		}
		found = append(found, resource.Spec.Topic)
		if resource.Spec.DeadLetterTopic != resource.Spec.Topic+".dead" {
			t.Errorf("%s has the dead-letter topic %s", file, resource.Spec.DeadLetterTopic)
		}
	}
	slices.Sort(found)
	if diff := cmp.Diff(slices.Compact(found), deadletters.Topics); diff != "" {
		t.Errorf("topics (-components +known):\n%s", diff)
	}
}
