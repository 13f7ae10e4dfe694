package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/runfile"
)

// page is the data of the welcome message.
type page struct{ Apps []runfile.App }

func (page) URL() string { return "http://ingress" }

// TestWelcomeCommandsWorkInAShell runs the printed commands with a fake curl that prints its
// arguments.
func TestWelcomeCommandsWorkInAShell(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	if err := welcome.Execute(&text, page{Apps: []runfile.App{{ID: "auth-service", Port: 8081}}}); err != nil {
		t.Fatal(err)
	}
	script := `curl() {
		printf '%s|' "$@" >&2; echo >&2
		echo '{"token_type":"Bearer", "access_token": "a.b-c_d","refresh_token":"e"}'
	}
`
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, "TOKEN=") || strings.HasPrefix(line, "curl ") {
			script += line
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
	var called strings.Builder
	cmd.Stderr = &called
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, called.String())
	}
	want := strings.Join([]string{
		`-s|http://ingress/api/v1/auth/login|-H|Content-Type: application/json|-d|{"userId":"testuser01","password":"PhoneBill1!"}|`,
		`-s|http://ingress/api/v1/bills/inquiry|-H|Authorization: Bearer a.b-c_d|-H|Content-Type: application/json|-d|{"lineNumber":"010-1234-5678"}|`,
		`-s|http://ingress/api/v1/bills/history|-H|Authorization: Bearer a.b-c_d|`,
		"",
	}, "\n")
	if diff := cmp.Diff(want, called.String()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if !strings.Contains(text.String(), "http://127.0.0.1:8081/openapi.yaml") {
		t.Error("an app is not mentioned")
	}
}
