package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/kos"
)

func TestParseTrouble(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]kos.Trouble{
		"-kos= -for=60s -line=": {Seconds: 60},
		"-kos=hang":             {Name: kos.Hang, Seconds: 60},
		"-kos=bad-line -for=2m -line=010-1234-5678 -on=bill-inquiry,products": {
			Name: kos.BadLine, Seconds: 120, Line: "010-1234-5678", Endpoints: []string{kos.BillInquiry, kos.Products},
		},
	} {
		t.Run(text, func(t *testing.T) {
			got, err := parseTrouble(strings.Fields(text))
			if diff := cmp.Diff(want, got.Trouble); err != nil || diff != "" {
				t.Errorf("%s: %v, %s", text, err, diff)
			}
		})
	}
	for _, text := range []string{"-for=0s", "-for=-1m", "hang"} {
		t.Run(text, func(t *testing.T) {
			if _, err := parseTrouble(strings.Fields(text)); err == nil {
				t.Errorf("%s: no error", text)
			}
		})
	}
}

func TestCarryOut(t *testing.T) {
	t.Parallel()
	const hanging = `{"endpoint":"products","name":"hang","until":"2026-01-17T09:01:00Z"}`
	for name, tc := range map[string]struct {
		now    string
		asked  string
		output string
	}{
		"":     {hanging, "GET /admin/troubles\n", "  hang         No answer.\n  none         Ends all troubles and removes all overrides.\nproducts: hang, for another 45s\n"},
		"hang": {hanging, "POST /admin/troubles\nGET /admin/troubles\n", "products: hang, for another 45s\n"},
		"none": {"", "DELETE /admin/behavior\nGET /admin/troubles\n", "KOS is in no trouble.\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked, output strings.Builder
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = fmt.Fprintln(&asked, r.Method, r.URL)
				_, _ = io.WriteString(w, `{"troubles":[{"name":"hang","does":"No answer."}],"now":[`+tc.now+`]}`)
			}))
			defer server.Close()
			wanted := wantedTrouble{kos.Trouble{Name: name}}
			err := wanted.carryOut(kos.New(server.URL, nil), time.Date(2026, 1, 17, 9, 0, 15, 0, time.UTC), &output)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.asked, asked.String()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.output, output.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRefusedTroubleIsReported(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	wanted := wantedTrouble{kos.Trouble{Name: "mumps"}}
	if err := wanted.carryOut(kos.New(server.URL, nil), time.Now(), io.Discard); err == nil {
		t.Error("no error")
	}
}

// TestMockIsFound reads the checkout's dapr.yaml.
func TestMockIsFound(t *testing.T) {
	t.Parallel()
	if _, err := mock("."); err != nil {
		t.Error(err)
	}
}
