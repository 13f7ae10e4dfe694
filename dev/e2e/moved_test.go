package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/e2e/internal/abuse"
	"github.com/phonebill/phonebill/dev/e2e/internal/search"
	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/openapitest/access"
	"github.com/phonebill/phonebill/dev/system"
)

// movedElsewhere are the operations that still answer a customer whose line has moved, with that
// customer's own data. All others refuse.
var movedElsewhere = map[string]bool{
	"GET /api/v1/bills/history":               true,
	"GET /api/v1/products/history":            true,
	"GET /api/v1/products/change/{requestId}": true,
}

// TestMovedLine has KOS move the line of a customer with bills, a change and a session, and checks
// both customers.
func TestMovedLine(t *testing.T) {
	t.Parallel()
	singly(t)
	former := subscriber(t)
	owner := person(t, former, true)
	kept := former.see(t, api.Month(1))
	settled(t, former)

	next := newcomerForm()
	next.Line = former.Line
	if err := whole.kos.Move(former.Line, next.CustomerID, next.Name); err != nil {
		t.Fatal(err)
	}
	former.Inquire(former.Line, api.Month(2)).Refused(t, http.StatusForbidden, "LINE_MOVED") // which also invalidates what may change
	for _, app := range []system.Role{bills, plans} {
		refusedFormer(t, app, owner)
	}
	if got := former.Inquire(former.Line, api.Month(1)).OK(t); got.CustomerInfo != kept.CustomerInfo || got.Bill.TotalFee != kept.Bill.TotalFee {
		t.Errorf("the archived month is %+v", got)
	}
	wantNothingOf(t, next)

	thief := newcomerForm()
	thief.Line = former.Line
	elsewhere(t).Register(thief).Refused(t, http.StatusConflict, "LINE_TAKEN")
	c := customer{elsewhere(t), next}
	c.Register(next).OK(t)
	c.Login(next.UserID, next.Password).OK(t)
	wantOwnOnly(t, c, former)
	former.Inquire(former.Line, "").Refused(t, http.StatusForbidden, "LINE_MOVED")
	if got := former.UserInfo().OK(t); got.CustomerID != former.CustomerID {
		t.Errorf("the former customer's account is %+v", got)
	}
}

// settled waits until no change of the customer is in progress.
func settled(t *testing.T, c customer) {
	t.Helper()
	await(t, 20*time.Second, "the change ends", func() error {
		for _, change := range c.Changes("").OK(t).Changes {
			if change.Status != api.Completed && change.Status != api.Failed {
				return fmt.Errorf("%s is %s", change.RequestID, change.Status)
			}
		}
		return nil
	})
}

// refusedFormer checks that a service refuses the former customer all operations but
// movedElsewhere.
func refusedFormer(t *testing.T, app system.Role, former abuse.Person) {
	t.Helper()
	operations, err := access.Operations(whole.docs[app])
	if err != nil {
		t.Fatal(err)
	}
	values := former.Values(string(app))
	maps.Copy(values, map[string]string{"currentProductCode": "5G-PREMIUM-001", "targetProductCode": "LTE-BASIC-001"})
	calls := 0
	for _, o := range operations {
		if o.Rule != "BILL_INQUIRY" && o.Rule != "PRODUCT_CHANGE" {
			continue
		}
		calls++
		example := o.Example(values)
		request := api.Request{Method: example.Method, Path: example.Path}
		if example.Body != nil {
			request.Body = example.Body
		}
		got := anonymous(t).With(former.Token).Send(request)
		refused := got.Status == http.StatusForbidden && got.Failure.Error.Code == "LINE_MOVED"
		if movedElsewhere[o.Name()] != got.Succeeded() || !movedElsewhere[o.Name()] != refused {
			t.Errorf("%s: %s", o.Name(), got)
		}
	}
	if calls == 0 {
		t.Errorf("%s has no operation for customers", app)
	}
}

// wantNothingOf checks that no database, state store or log contains data of an unregistered
// customer.
func wantNothingOf(t *testing.T, next api.Registration) {
	t.Helper()
	for name, store := range stores() {
		for _, text := range []string{next.CustomerID, next.Name} {
			if n, err := store.count(t.Context(), text); err != nil || n > 0 {
				t.Errorf("%s contains %s %d times, %v", name, text, n, err)
			}
		}
	}
	texts := search.Texts{"the customer's id": next.CustomerID, "the customer's name": next.Name}
	for _, role := range whole.parts.Roles() {
		for _, path := range whole.parts.Logs(role) {
			if found, err := texts.InFile(path); err != nil || len(found) > 0 {
				t.Errorf("%s: %v, %v", path, found, err)
			}
		}
	}
}

// wantOwnOnly checks that the new customer of a line sees the line and its bill, and nothing of the
// former customer.
func wantOwnOnly(t *testing.T, c, former customer) {
	t.Helper()
	if got := c.see(t, "").CustomerInfo; got.ID != c.CustomerID || got.Name != c.Name {
		t.Errorf("the bill is that of %+v", got)
	}
	if got := c.Subscription(c.Line).OK(t); got.CustomerID != c.CustomerID {
		t.Errorf("the line is that of %+v", got)
	}
	if months := c.Menu().OK(t).AvailableMonths; len(months) != 1 {
		t.Errorf("the months are %v", months)
	}
	if items := c.Changes("").OK(t).Changes; len(items) != 0 {
		t.Errorf("the changes are %v", items)
	}
	if items := c.History("").OK(t).Items; len(items) != 1 {
		t.Errorf("the inquiries are %v", items)
	}
	if got := c.Inquire(c.Line, api.Month(1)); got.Succeeded() || got.Status >= http.StatusInternalServerError {
		t.Errorf("a month of the former customer: %s", got)
	}
	shown, err := json.Marshal([]any{c.UserInfo().OK(t), c.ProductMenu().OK(t), c.Menu().OK(t)})
	if err != nil || strings.Contains(string(shown), former.CustomerID) || strings.Contains(string(shown), former.Name) {
		t.Errorf("%v: shown %s", err, shown)
	}
}
