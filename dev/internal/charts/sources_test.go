package charts

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/monitoring"
)

// goSources returns the Go sources of a folder below apps/, without tests.
func goSources(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(repository(t).Path("apps", folder), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		all.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// TestServicesReadEveryVariable: an unread variable is a mistake.
func TestServicesReadEveryVariable(t *testing.T) {
	t.Parallel()
	shared := goSources(t, "internal")
	for _, name := range environments {
		for _, w := range system(t, name).workloads() {
			service := strings.TrimSuffix(w.name(), "-migrate")
			if !slices.Contains(services, service) {
				continue
			}
			own := goSources(t, service)
			for variable := range environment(w.containers()[0]) {
				if !strings.Contains(own+shared, `env:"`+variable) && variable != "GOMEMLIMIT" {
					t.Errorf("%s: %s gets %s and does not read it", name, service, variable)
				}
			}
		}
	}
}

// TestServicesGetRequiredVariables also checks the secrets that variables name.
func TestServicesGetRequiredVariables(t *testing.T) {
	t.Parallel()
	required := regexp.MustCompile(`env:"([A-Z_]+),required`)
	for _, name := range environments {
		all := system(t, name)
		for _, service := range services {
			if name == "prod" && service == "kos-mock-service" {
				continue
			}
			variables := environment(all.find(t, "Deployment", service).part("spec", "template", "spec", "containers", 0))
			readable := all.secretsOf(t, service)
			for variable, value := range variables {
				if strings.HasSuffix(variable, "_SECRET") && !slices.Contains(readable, any(value)) {
					t.Errorf("%s: %s may not read %s, which is %s", name, service, value, variable)
				}
			}
			if service == "kos-mock-service" || service == "web-portal" {
				continue // requires less than the shared packages do
			}
			for _, found := range required.FindAllStringSubmatch(goSources(t, service)+goSources(t, "internal"), -1) {
				if variables[found[1]] == "" {
					t.Errorf("%s: %s requires %s", name, service, found[1])
				}
			}
		}
	}
}

// TestMetricsExist: a query of an unknown metric never scales.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	registered, err := monitoring.Registered(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	owners := make(map[string][]string)
	for _, metric := range registered {
		owners[metric.Name] = metric.Owners
	}
	name := regexp.MustCompile(`phonebill_[a-z_]+`)
	for _, scaled := range system(t, "prod").of("ScaledObject") {
		query, _ := scaled.at("spec", "triggers", 2, "metadata", "query").(string)
		for _, queried := range name.FindAllString(query, -1) {
			if !slices.Contains(owners[queried], scaled.name()) {
				t.Errorf("%s queries %s, which it does not export", scaled, queried)
			}
		}
	}
}

// TestGOMEMLIMITIsBelowTheLimit: GOMEMLIMIT is below the container's limit.
func TestGOMEMLIMITIsBelowTheLimit(t *testing.T) {
	t.Parallel()
	limits := map[string]string{"256Mi": "220MiB", "1Gi": "900MiB", "1.5Gi": "1350MiB", "2Gi": "1800MiB"}
	for _, name := range environments {
		for _, deployment := range system(t, name).of("Deployment") {
			container, _ := deployment.at("spec", "template", "spec", "containers", 0).(map[string]any)
			limit := object(container).text("resources", "limits", "memory")
			if slices.Contains(services, deployment.name()) && environment(container)["GOMEMLIMIT"] != limits[limit] {
				t.Errorf("%s: %s has the limit %s and GOMEMLIMIT %s", name, deployment, limit, environment(container)["GOMEMLIMIT"])
			}
		}
	}
}
