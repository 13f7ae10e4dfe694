package e2e

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/phonebill/phonebill/dev/internal/api"
)

// anyTrace ignores trace ids in comparisons.
var anyTrace = cmpopts.IgnoreFields(api.FailureError{}, "TraceID")

func TestAnotherUsersLine(t *testing.T) {
	t.Parallel()
	c, other := resident(t), resident(t)
	other.see(t, "")
	theirs := other.History("").OK(t).Items[0].RequestID

	lines := map[string]string{"a user's": other.Line, "known to KOS": "01030999998", "unknown": "01076543210"}
	want := c.Inquire("01076543211", "").Refused(t, http.StatusForbidden, "LINE_NOT_ALLOWED")
	for whose, line := range lines {
		for _, when := range []string{"", api.Month(1)} {
			got := c.Inquire(line, when).Refused(t, http.StatusForbidden, "LINE_NOT_ALLOWED")
			if diff := cmp.Diff(want, got, anyTrace); diff != "" {
				t.Errorf("line %s is distinguishable: %s", whose, diff)
			}
		}
		c.History("lineNumber="+line).Refused(t, http.StatusForbidden, "LINE_NOT_ALLOWED")
	}
	wantCalls(t, other, 1, "another user's inquiry")

	wantUnknown := c.Result("019a0000-0000-7000-8000-000000000000").Refused(t, http.StatusNotFound, "INQUIRY_NOT_FOUND")
	got := c.Result(theirs).Refused(t, http.StatusNotFound, "INQUIRY_NOT_FOUND")
	if diff := cmp.Diff(wantUnknown, got, anyTrace); diff != "" {
		t.Errorf("another user's inquiry is distinguishable: %s", diff)
	}
	other.Result(theirs).OK(t)
}

func TestAnotherUsersAccount(t *testing.T) {
	t.Parallel()
	c, other := resident(t), resident(t)
	c.User(c.UserID).OK(t)
	want := c.User("unknown-user-id").Refused(t, http.StatusForbidden, "FORBIDDEN")
	got := c.User(other.UserID).Refused(t, http.StatusForbidden, "FORBIDDEN")
	if diff := cmp.Diff(want, got, anyTrace); diff != "" {
		t.Errorf("another user's account is distinguishable: %s", diff)
	}
	admin := demo(t, "admin01")
	if user := admin.User(other.UserID).OK(t); user.Line != other.Line {
		t.Errorf("an administrator reads %+v", user)
	}
	admin.User("unknown-user-id").Refused(t, http.StatusNotFound, "USER_NOT_FOUND")
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	admin := demo(t, "admin01") // manages users, and is not a customer
	admin.Menu().Refused(t, http.StatusForbidden, "PERMISSION_DENIED")
	admin.Inquire("01012345678", "").Refused(t, http.StatusForbidden, "PERMISSION_DENIED")
	admin.Result("019a0000-0000-7000-8000-000000000000").Refused(t, http.StatusForbidden, "PERMISSION_DENIED")
	admin.History("").Refused(t, http.StatusForbidden, "PERMISSION_DENIED")

	user := demo(t, "testuser02")
	for service, want := range map[string]bool{"BILL_INQUIRY": true, "PRODUCT_CHANGE": false} {
		t.Run(service, func(t *testing.T) {
			if got := user.Permission(service).OK(t).Has; got != want {
				t.Errorf("testuser02 may use %s: %t, want %t", service, got, want)
			}
		})
	}
}

func TestLoginDoesNotRevealWhatIsWrong(t *testing.T) {
	t.Parallel()
	c := newcomer(t)
	wrongPassword := anonymous(t).Login(c.UserID, "wrong-"+c.Password).Refused(t, http.StatusUnauthorized, "AUTH_001")
	wrongID := anonymous(t).Login("unknown-user-id", c.Password).Refused(t, http.StatusUnauthorized, "AUTH_001")
	if diff := cmp.Diff(wrongPassword, wrongID, anyTrace); diff != "" {
		t.Errorf("a wrong id is distinguishable from a wrong password: %s", diff)
	}
}
