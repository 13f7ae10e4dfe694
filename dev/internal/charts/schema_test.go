package charts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
)

// schemas are strict schemas of every kind of Kubernetes, Dapr and KEDA: they refuse fields that
// the API server would silently drop.
type schemas struct {
	compiler *jsonschema.Compiler
	ids      map[string]string // schema ids by apiVersion and kind

	mu sync.Mutex // the compiler is not safe for concurrent use
}

// validate returns what is wrong with an object.
func (s *schemas) validate(o object) error {
	kind := o.text("apiVersion") + " " + o.kind()
	id, ok := s.ids[kind]
	if !ok {
		return fmt.Errorf("no schema for %s", kind)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	schema, err := s.compiler.Compile(id)
	if err != nil {
		return err
	}
	plain, err := asJSON(o)
	if err != nil {
		return err
	}
	return schema.Validate(plain)
}

// asJSON converts a YAML value as if decoded from JSON.
func asJSON(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

var loading struct {
	sync.Mutex

	schemas *schemas
}

// load loads the schemas from the pinned modules, once.
func load(t *testing.T) *schemas {
	t.Helper()
	loading.Lock()
	defer loading.Unlock()
	if loading.schemas != nil {
		return loading.schemas
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	s := &schemas{compiler: compiler, ids: make(map[string]string)}
	s.addKubernetes(t, filepath.Join(sources(t, "schemas", "k8s.io/kubernetes"), "api", "openapi-spec", "swagger.json"))
	s.addDefinitions(t, filepath.Join(sources(t, "daprd", "github.com/dapr/dapr"), "charts", "dapr", "crds"))
	s.addDefinitions(t, filepath.Join(sources(t, "schemas", "github.com/kedacore/keda/v2"), "config", "crd", "bases"))
	s.addMonitoring(t)
	loading.schemas = s
	return s
}

func sources(t *testing.T, folder, module string) string {
	t.Helper()
	tools := toolchain.Toolchain{Checkout: repository(t), Console: console.New(io.Discard)}
	dir, err := tools.Sources(t.Context(), folder, module)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// addKubernetes adds the kinds of an OpenAPI document of the API server.
func (s *schemas) addKubernetes(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	definitions, _ := at(document, "definitions").(map[string]any)
	for name, definition := range definitions {
		kinds, _ := at(definition, "x-kubernetes-group-version-kind").([]any)
		for _, kind := range kinds {
			group, version := at(kind, "group"), at(kind, "version")
			s.ids[strings.TrimPrefix(fmt.Sprintf("%s/%s %s", group, version, at(kind, "kind")), "/")] = file + "#/definitions/" + name
		}
	}
	s.add(t, file, map[string]any{"definitions": strict(definitions)})
}

// addDefinitions adds the kinds of a folder of CustomResourceDefinitions.
func (s *schemas) addDefinitions(t *testing.T, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions in %s: %v", folder, err)
	}
	for _, file := range files {
		s.addDefinition(t, file)
	}
}

// addDefinition adds the kind of a CustomResourceDefinition.
func (s *schemas) addDefinition(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var parsed map[string]any
	if err := yaml.Unmarshal(content, &parsed); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	definition := object(parsed)
	for _, version := range definition.list("spec", "versions") {
		id := fmt.Sprintf("%s/%s", file, at(version, "name"))
		s.ids[fmt.Sprintf("%s/%s %s", definition.text("spec", "group"), at(version, "name"), definition.text("spec", "names", "kind"))] = id
		schema, err := asJSON(at(version, "schema", "openAPIV3Schema"))
		if err != nil {
			t.Fatal(err)
		}
		s.add(t, id, strict(schema))
	}
}

func (s *schemas) add(t *testing.T, id string, schema any) {
	t.Helper()
	if err := s.compiler.AddResource(id, schema); err != nil {
		t.Fatal(err)
	}
}

// strict converts a Kubernetes schema to a JSON schema without additional fields.
func strict(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = strict(v[i])
		}
	case map[string]any:
		if v["format"] == "int-or-string" || v["x-kubernetes-int-or-string"] == true {
			return map[string]any{"type": []any{"integer", "string"}}
		}
		for name := range v {
			v[name] = strict(v[name])
		}
		closeUp(v)
	}
	return value
}

// closeUp forbids additional fields in a schema that lists its fields. (A field may itself be named
// "properties"; its value is not a list of schemas.)
func closeUp(schema map[string]any) {
	_, listed := schema["properties"].(map[string]any)
	_, typed := schema["type"].(string)
	if _, open := schema["additionalProperties"]; listed && typed && !open && schema["x-kubernetes-preserve-unknown-fields"] != true {
		schema["additionalProperties"] = false
	}
	if kind, ok := schema["type"].(string); ok && schema["nullable"] == true {
		schema["type"] = []any{kind, "null"}
	}
}

func TestEveryObjectMatchesItsSchema(t *testing.T) {
	t.Parallel()
	for _, environment := range environments {
		all := system(t, environment)
		for _, one := range all {
			if err := load(t).validate(one); err != nil {
				t.Errorf("%s: %s: %v", environment, one, err)
			}
		}
	}
	for _, service := range services {
		for _, mode := range []string{"hpa", "keda", "none"} {
			t.Run(mode, func(t *testing.T) {
				for _, one := range template(t, service, "--set", "autoscaling.mode="+mode, "--set", "autoscaling.prometheus.address=http://prometheus",
					"--set", "autoscaling.podMetrics=true", "--set", "placement.hosts=required", "--is-upgrade") {
					if err := load(t).validate(one); err != nil {
						t.Errorf("%s with %s: %s: %v", service, mode, one, err)
					}
				}
			})
		}
	}
}

// TestSchemasAreStrict checks that the test above can fail.
func TestSchemasAreStrict(t *testing.T) {
	t.Parallel()
	faults := map[string]string{
		"a field that Deployments do not have": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replica: 1, selector: {}, template: {}}",
		"deep inside":                          "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {selector: {}, template: {spec: {containers: [{name: a, imagePullPolice: Never}]}}}",
		"in metadata":                          "apiVersion: v1\nkind: Service\nmetadata: {name: x, label: {}}",
		"a number for a string":                "apiVersion: v1\nkind: Service\nmetadata: {name: 5}",
		"an unknown kind":                      "apiVersion: v1\nkind: Servant\nmetadata: {name: x}",
		"an old version":                       "apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}",
		"in a Component":                       "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: x}\nspec: {type: state.redis, version: v1, metadatas: []}",
		"in a Resiliency":                      "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: x}\nspec: {policies: {retries: {a: {maxRetry: 1}}}}",
		"in a PodMonitor":                      "apiVersion: azmonitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: x}\nspec: {selector: {}, podMetricsEndpoint: []}",
		"in a PrometheusRule":                  "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x}\nspec: {groups: [{name: x, rules: [{alert: x, expression: x}]}]}",
		"in a ScaledObject":                    "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: x}\nspec: {scaleTargetRef: {name: x}, triggers: [{type: cpu, metadata: {}, metricTypes: x}]}",
	}
	for what, text := range faults {
		if err := load(t).validate(parse(t, text)[0]); err == nil {
			t.Errorf("accepted: %s", what)
		}
	}
}
