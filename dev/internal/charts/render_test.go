package charts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/testvar"
)

// kubernetes is the version that charts are rendered for.
const kubernetes = "1.34.0"

// environments are the values files of the system, and the folders of components/ that they
// install.
var environments = []string{"local", "dev", "prod"}

// services are the charts of services. The last has no database and no secrets.
var services = []string{"auth-service", "bill-inquiry-service", "product-change-service", "kos-mock-service", "web-portal"}

// stateful are the services with a database.
var stateful = services[:4]

// digest stands for image digests, which production requires.
const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func repository(t *testing.T) checkout.Checkout {
	t.Helper()
	root, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// helm runs Helm on the checkout's charts and returns its standard output.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return helmIn(t, repository(t).Path("charts"), args...)
}

// helmIn is helm for charts in another folder.
func helmIn(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	binary := testvar.Get(t, "PHONEBILL_TEST_HELM")
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &complaints
	// No settings, repositories or plugins of the current user.
	cmd.Env = append(os.Environ(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_PLUGINS="+t.TempDir())
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("helm %s: %w: %s", args[0], err, said.ReplaceAllString(complaints.String(), ""))
	}
	return out.String(), nil
}

// said matches Helm's notices about symbolic links.
var said = regexp.MustCompile(`(?m)^.*found symbolic link in path.*\n`)

// arguments are the values of an environment, with images by digest.
func arguments(environment string) []string {
	args := []string{"-f", "phonebill/values-" + environment + ".yaml"}
	for _, service := range services {
		args = append(args, "--set", service+".image.digest="+digest)
	}
	return args
}

// object is a Kubernetes object.
type object map[string]any

// at returns the value at a path, or nil. A number is an index.
func (o object) at(path ...any) any { return at(map[string]any(o), path...) }

func at(value any, path ...any) any {
	for _, step := range path {
		switch container := value.(type) {
		case map[string]any:
			name, _ := step.(string)
			value = container[name]
		case []any:
			index, ok := step.(int)
			if !ok || index >= len(container) {
				return nil
			}
			value = container[index]
		default:
			return nil
		}
	}
	return value
}

func (o object) text(path ...any) string {
	value, _ := o.at(path...).(string)
	return value
}

func (o object) list(path ...any) []any {
	value, _ := o.at(path...).([]any)
	return value
}

// part returns the object at a path, or an empty one.
func (o object) part(path ...any) object {
	value, _ := o.at(path...).(map[string]any)
	return value
}

func (o object) kind() string   { return o.text("kind") }
func (o object) name() string   { return o.text("metadata", "name") }
func (o object) String() string { return o.kind() + " " + o.name() }

// objects are the objects that a chart renders.
type objects []object

// find returns the object with that kind and name.
func (all objects) find(t *testing.T, kind, name string) object {
	t.Helper()
	for _, object := range all {
		if object.kind() == kind && object.name() == name {
			return object
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return nil
}

// of returns the objects of a kind.
func (all objects) of(kind string) objects {
	var found objects
	for _, object := range all {
		if object.kind() == kind {
			found = append(found, object)
		}
	}
	return found
}

func parse(t *testing.T, text string) objects {
	t.Helper()
	var all objects
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var next map[string]any
		err := decoder.Decode(&next)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("helm output is not YAML: %v", err)
		}
		if next != nil {
			all = append(all, next)
		}
	}
}

// fresh renders a chart with further arguments. The result may be modified.
func fresh(t *testing.T, chart string, args ...string) objects {
	t.Helper()
	return freshIn(t, repository(t).Path("charts"), chart, args...)
}

// freshIn is fresh for charts in another folder.
func freshIn(t *testing.T, dir, chart string, args ...string) objects {
	t.Helper()
	all := append([]string{"template", "phonebill", chart, "-n", "phonebill", "--kube-version", kubernetes}, args...)
	out, err := helmIn(t, dir, all...)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, out)
}

// rendering is a cached rendering.
type rendering struct {
	sync.Mutex

	objects objects
}

var renderings sync.Map // *rendering by chart and arguments

// template is fresh with a cache. The result must not be modified.
func template(t *testing.T, chart string, args ...string) objects {
	t.Helper()
	known, _ := renderings.LoadOrStore(chart+" "+strings.Join(args, " "), new(rendering))
	one := known.(*rendering)
	one.Lock()
	defer one.Unlock()
	if one.objects == nil {
		one.objects = fresh(t, chart, args...)
	}
	return one.objects
}

// system returns the system's objects in an environment.
func system(t *testing.T, environment string) objects {
	t.Helper()
	return template(t, "phonebill", arguments(environment)...)
}

// workload is an object that creates pods.
type workload struct {
	object

	pod object // its template
}

// workloads returns all objects that create pods.
func (all objects) workloads() []workload {
	var found []workload
	for _, made := range all {
		if pod, ok := made.at("spec", "template").(map[string]any); ok {
			found = append(found, workload{made, pod})
		}
	}
	return found
}

// containers returns the containers and init containers of a pod.
func (w workload) containers() objects {
	var all objects
	for _, list := range []string{"initContainers", "containers"} {
		for _, container := range w.pod.list("spec", list) {
			if one, ok := container.(map[string]any); ok {
				all = append(all, one)
			}
		}
	}
	return all
}

func environment(container object) map[string]string {
	env := make(map[string]string)
	for _, entry := range container.list("env") {
		name, _ := at(entry, "name").(string)
		env[name], _ = at(entry, "value").(string)
	}
	return env
}
