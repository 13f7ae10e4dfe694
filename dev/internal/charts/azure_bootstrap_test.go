package charts

import (
	"os/exec"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// bootstrap returns what a dry run of a step of bootstrap.sh prints. It needs none of the programs
// that the steps call.
func bootstrap(t *testing.T, step, environment string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "bash", repository(t).Path("charts", "azure-platform", "bootstrap.sh"), "--dry-run", step, environment).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", step, environment, err, out)
	}
	return string(out)
}

// TestOutputsAreWrittenByTheOperator checks that each output is a key that an object of the
// platform writes, and that the outputs are values of the chart of the services.
func TestOutputsAreWrittenByTheOperator(t *testing.T) {
	t.Parallel()
	for _, environment := range platforms {
		written := targets(t, platform(t, environment))
		var values map[string]any
		if err := yaml.Unmarshal([]byte(bootstrap(t, "outputs", environment)), &values); err != nil {
			t.Fatal(err)
		}
		outputs := 0
		visit(values, "", func(path string, value any) {
			name, key, _ := strings.Cut(value.(string), ":")
			if _, ok := written["ConfigMap "+name+" "+key]; !ok {
				t.Errorf("%s: no object writes %s, for %s", environment, value, path)
			}
			outputs++
		})
		equal(t, environment, outputs, 5)
	}
	args := append(arguments("prod"), "--set", "auth-service.workloadIdentity.clientId=00000000-0000-0000-0000-000000000001")
	account := template(t, "phonebill", args...).find(t, "ServiceAccount", "auth-service-sa")
	equal(t, "the client id", account.text("metadata", "annotations", "azure.workload.identity/client-id"), "00000000-0000-0000-0000-000000000001")
}

// TestBootstrapMatchesThePlatform compares the names in the steps with those of the resources.
func TestBootstrapMatchesThePlatform(t *testing.T) {
	t.Parallel()
	all := platform(t, "prod")
	secrets := bootstrap(t, "secrets", "prod")
	for _, service := range []string{"auth-service", "bill-inquiry-service", "product-change-service"} {
		deployment := system(t, "prod").find(t, "Deployment", service)
		env := environment(deployment.part("spec", "template", "spec", "containers", 0))
		if !strings.Contains(secrets, "--vault-name "+all.of("Vault")[0].name()+" --name "+env["DB_PASSWORD_SECRET"]+" ") {
			t.Errorf("%s is not stored", env["DB_PASSWORD_SECRET"])
		}
		if role := all.find(t, "User", "phonebill-postgresql-"+strings.ReplaceAll(env["DB_USER"], "_", "-")); role.text("spec", "azureName") != env["DB_NAME"] {
			t.Errorf("%s does not own %s", role, env["DB_NAME"])
		}
		if !strings.Contains(bootstrap(t, "databases", "prod"), `ALTER\ DATABASE\ `+env["DB_NAME"]+`\ OWNER\ TO\ `+env["DB_USER"]) {
			t.Errorf("%s gets no owner", env["DB_NAME"])
		}
	}
	created := bootstrap(t, "create", "prod")
	for _, one := range all {
		if group, _, _ := strings.Cut(one.text("apiVersion"), "/"); !strings.Contains(created, group+`/\*`) {
			t.Errorf("the operator is installed without the group %s", group)
		}
	}
	version, err := repository(t).ToolVersion(t.Context(), "aso", "github.com/Azure/azure-service-operator/v2")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(created, "--version v"+version+" ") {
		t.Errorf("the operator has another version than the definitions, %s", version)
	}
}

func TestBootstrapPassesShellcheck(t *testing.T) {
	t.Parallel()
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("shellcheck is not installed")
	}
	if out, err := exec.CommandContext(t.Context(), shellcheck, repository(t).Path("charts", "azure-platform", "bootstrap.sh")).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
