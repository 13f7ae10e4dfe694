package access_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// TestInputFindsMissingValidation tests a service that accepts everything.
func TestInputFindsMissingValidation(t *testing.T) {
	t.Parallel()
	recorded := &recorder{TB: t}
	open := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	access.Input(recorded, []byte(document), open, func(*http.Request, access.Rule) {})
	all := strings.Join(recorded.faults, "\n")
	for _, want := range []string{
		"POST /things, gzip: answered 200", "POST /things, EUC-KR: answered 200", "POST /things, unknown member: answered 200",
		"POST /things, duplicate lineNumber: answered 200", "POST /things, invalid UTF-8 in note: answered 200",
		"POST /login, query unknownName=1: answered 200", "GET /things, query size=: answered 200",
		"GET /things/{requestId}, requestId \"urn:uuid:", "DELETE /users/{userId}, userId \"a||b\": answered 200",
		"GET /keys, OPTIONS: answered 200, want [204]", "POST /login, HEAD: answered 200, want [405]",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("is missing: %q", want)
		}
	}
}
