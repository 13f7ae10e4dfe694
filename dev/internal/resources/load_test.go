package resources

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// resource is a Dapr resource with the tested fields of each kind.
type resource struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Type, Version string
		Metadata      []struct {
			Name, Value  string
			SecretKeyRef secretKeyRef `yaml:"secretKeyRef"`
		}
		Secrets struct {
			Scopes []struct {
				StoreName      string   `yaml:"storeName"`
				DefaultAccess  string   `yaml:"defaultAccess"`
				AllowedSecrets []string `yaml:"allowedSecrets"`
			}
		}
		API struct {
			Allowed []api
		}
		AccessControl accessControl `yaml:"accessControl"`
		Tracing       struct {
			SamplingRate string `yaml:"samplingRate"`
			Otel         struct {
				EndpointAddress string `yaml:"endpointAddress"`
			}
		}
		Metrics struct {
			HTTP struct {
				IncreasedCardinality *bool `yaml:"increasedCardinality"`
			}
		}
		Resiliency resiliency `yaml:",inline"`
		// Of a Subscription.
		PubsubName      string `yaml:"pubsubname"`
		Topic           string
		DeadLetterTopic string `yaml:"deadLetterTopic"`
		Routes          struct{ Default string }
		// Of an HTTPEndpoint.
		BaseURL   string `yaml:"baseUrl"`
		ClientTLS map[string]struct {
			SecretKeyRef secretKeyRef `yaml:"secretKeyRef"`
		} `yaml:"clientTLS"`
	}
	Auth struct {
		SecretStore string `yaml:"secretStore"`
	}
	Scopes []string

	file string
}

// resiliency is a file of policies and targets.
type resiliency struct {
	Policies struct {
		Timeouts        map[string]time.Duration
		Retries         map[string]retry
		CircuitBreakers map[string]breaker `yaml:"circuitBreakers"`
	}
	Targets struct {
		Apps       map[string]policyNames
		Components map[string]struct{ Inbound, Outbound policyNames }
	}
}

type secretKeyRef struct{ Name, Key string }

type api struct{ Name, Version, Protocol string }

// accessControl lists the callers of an app.
type accessControl struct {
	TrustDomain   string `yaml:"trustDomain"`
	DefaultAction string `yaml:"defaultAction"`
	Policies      []struct {
		AppID         string `yaml:"appId"`
		TrustDomain   string `yaml:"trustDomain"`
		Namespace     string
		DefaultAction string `yaml:"defaultAction"`
		Operations    []operation
	}
}

// operation is an allowed operation of a caller.
type operation struct {
	Name     string
	HTTPVerb []string `yaml:"httpVerb"`
	Action   string
}

// option returns a value of a component's metadata.
func (r resource) option(name string) string {
	for _, item := range r.Spec.Metadata {
		if item.Name == name {
			return item.Value
		}
	}
	return ""
}

// repository returns the checkout. Reading the variable keeps the test's result out of Go's cache,
// because the files are outside of the module.
func repository(t *testing.T) checkout.Checkout {
	t.Helper()
	_ = os.Getenv("PHONEBILL_TEST_RUN")
	root, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func apps(t *testing.T) []runfile.App {
	t.Helper()
	file, err := runfile.Load(repository(t).Path("dapr.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return file.Apps
}

// load reads the YAML files of a folder. Each must have one document, because daprd ignores further
// documents of some kinds.
func load(t *testing.T, elem ...string) []resource {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository(t).Path(elem...), "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no resources in %v: %v", elem, err)
	}
	all := make([]resource, 0, len(files))
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		decoder := yaml.NewDecoder(bytes.NewReader(content))
		r := resource{file: file}
		if err := decoder.Decode(&r); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := decoder.Decode(new(resource)); !errors.Is(err, io.EOF) {
			t.Errorf("%s has a second document", file)
		}
		if r.Metadata.Name+".yaml" != filepath.Base(file) {
			t.Errorf("%s is called %s", file, r.Metadata.Name)
		}
		all = append(all, r)
	}
	return all
}

func byName(resources []resource) map[string]resource {
	named := make(map[string]resource)
	for _, r := range resources {
		named[r.Metadata.Name] = r
	}
	return named
}
