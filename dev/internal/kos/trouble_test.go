package kos_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/kos"
)

// recorded returns the API of a fake mock that answers every request with answer, and the last
// request.
func recorded(t *testing.T, status int, answer string) (admin *kos.Admin, asked *string) {
	t.Helper()
	asked = new(string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*asked = fmt.Sprintf("%s %s %s", r.Method, r.URL, body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return kos.New(server.URL, nil), asked
}

func TestTroubleIsSent(t *testing.T) {
	t.Parallel()
	for want, trouble := range map[string]kos.Trouble{
		`{"name":"hang"}`: {Name: kos.Hang},
		`{"name":"bad-line","endpoints":["bill-inquiry"],"seconds":30,"lineNumber":"01012345678"}`: {
			Name: kos.BadLine, Endpoints: []string{kos.BillInquiry}, Seconds: 30, Line: "01012345678",
		},
	} {
		t.Run(want, func(t *testing.T) {
			admin, asked := recorded(t, http.StatusOK, `{}`)
			if err := admin.Trouble(trouble); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff("POST /admin/troubles "+want, *asked); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRefusedTroubleIsAnError(t *testing.T) {
	t.Parallel()
	admin, _ := recorded(t, http.StatusBadRequest, `{}`)
	if admin.Trouble(kos.Trouble{Name: "mumps"}) == nil {
		t.Error("no error")
	}
}

func TestTroublesAreListed(t *testing.T) {
	t.Parallel()
	admin, _ := recorded(t, http.StatusOK, `{"troubles":[{"name":"hang","does":"No answer."}],
		"now":[{"endpoint":"products","name":"hang","since":"2026-01-17T09:00:00Z","until":"2026-01-17T09:01:00Z"}]}`)
	got, err := admin.Troubles()
	if err != nil || len(got.Known) != 1 || len(got.Now) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got.Known[0].Does != "No answer." || !got.Now[0].Until.Equal(time.Date(2026, 1, 17, 9, 1, 0, 0, time.UTC)) {
		t.Errorf("got %+v", got)
	}
}

func TestResetHasNoAnswer(t *testing.T) {
	t.Parallel()
	admin, asked := recorded(t, http.StatusNoContent, "")
	if err := admin.Reset(); err != nil || *asked != "DELETE /admin/behavior " {
		t.Errorf("asked %q, %v", *asked, err)
	}
}

func TestCallsSinceATime(t *testing.T) {
	t.Parallel()
	admin, asked := recorded(t, http.StatusOK, `{"total":7,"busiestMinute":5}`)
	got, err := admin.Calls(kos.Query{Endpoint: kos.Products, Since: time.Date(2026, 1, 17, 9, 0, 0, 0, time.UTC)})
	if err != nil || got.Total != 7 || got.BusiestMinute != 5 {
		t.Errorf("got %+v, %v", got, err)
	}
	if diff := cmp.Diff(`POST /admin/calls {"endpoint":"products","since":"2026-01-17T09:00:00Z"}`, *asked); diff != "" {
		t.Error(diff)
	}
}
