package deadletters_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"
	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/deadletters"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/redis"
	"github.com/phonebill/phonebill/dev/internal/testvar"
)

// start starts a server for the test.
func start(t *testing.T) *goredis.Client {
	t.Helper()
	binary := testvar.Get(t, "PHONEBILL_TEST_REDIS_SERVER")
	port, err := proc.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	child, err := redis.Start(redis.Config{Binary: binary, Dir: dir, Log: dir + "/log", Port: port, Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Signal(syscall.SIGTERM) // ErrGone is fine
		<-child.Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := proc.Poll(ctx, func() bool { return redis.Ping(ctx, redis.Address(port), "secret") == nil }); err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(&goredis.Options{Addr: redis.Address(port), Password: "secret"})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// bury adds a dead letter, as Dapr does.
func bury(t *testing.T, client *goredis.Client, topic, data string) {
	t.Helper()
	if err := client.XAdd(t.Context(), &goredis.XAddArgs{Stream: topic + ".dead", Values: []string{"data", data, "metadata", "{}"}}).Err(); err != nil {
		t.Fatal(err)
	}
}

// sent returns the data of the events of a topic.
func sent(t *testing.T, client *goredis.Client, topic string) []string {
	t.Helper()
	entries, err := client.XRange(t.Context(), topic, "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, fmt.Sprint(entry.Values["data"], entry.Values["metadata"]))
	}
	return all
}

const changed, loggedIn = "product.changed.v1", "user.logged-in.v1"

func event(id string) string {
	return fmt.Sprintf(`{"id":%q,"type":%q,"source":"product-change-service","data":{"lineNumber":"01012345678"}}`, id, changed)
}

func TestDeadLettersAreListedWithoutTheirData(t *testing.T) {
	t.Parallel()
	client := start(t)
	bury(t, client, changed, event("1"))
	bury(t, client, loggedIn, "<no event>")
	letters, err := deadletters.List(t.Context(), client)
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

func TestReplayMovesDeadLettersOnce(t *testing.T) {
	t.Parallel()
	client := start(t)
	for _, id := range []string{"1", "2", "3"} {
		bury(t, client, changed, event(id))
	}
	bury(t, client, loggedIn, event("4"))
	for _, want := range []int{3, 0} {
		if moved, err := deadletters.Replay(t.Context(), client, changed); moved != want || err != nil {
			t.Errorf("moved %d, %v, want %d", moved, err, want)
		}
	}
	if diff := cmp.Diff([]string{event("1") + "{}", event("2") + "{}", event("3") + "{}"}, sent(t, client, changed)); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if left, err := deadletters.List(t.Context(), client); len(left) != 1 || left[0].ID != "4" || err != nil {
		t.Errorf("left %v, %v", left, err)
	}
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

func TestInterruptedReplayLosesNothing(t *testing.T) {
	t.Parallel()
	client := start(t)
	bury(t, client, changed, event("1"))
	client.AddHook(failing{"xdel"})
	if moved, err := deadletters.Replay(t.Context(), client, changed); moved != 0 || err == nil {
		t.Errorf("moved %d, %v", moved, err)
	}
	if left, err := deadletters.List(t.Context(), client); len(left) != 1 || err != nil {
		t.Errorf("left %v, %v", left, err)
	}
}

// failing fails the commands with a name.
type failing struct{ name string }

func (failing) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (failing) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

func (f failing) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if cmd.Name() == f.name {
			cmd.SetErr(context.Canceled)
			return context.Canceled
		}
		return next(ctx, cmd)
	}
}
