package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
)

// newPlanWithin bounds how long the old plan may be shown after a change.
const newPlanWithin = time.Second

// unknownChange is the id of a change that does not exist.
const unknownChange = "019a0000-0000-7000-8000-000000000000"

// newChangeForm returns a change of a customer's plan to the first one on offer.
func newChangeForm(t testing.TB, c customer) api.ChangeForm {
	t.Helper()
	current := c.Subscription(c.Line).OK(t).Current
	offers := c.Offers(current.Code).OK(t)
	if offers.Total != len(offers.Products) || offers.Total == 0 {
		t.Fatalf("offers: %+v", offers)
	}
	for _, plan := range offers.Products {
		if plan.Code == current.Code || plan.Operator != current.Operator {
			t.Errorf("%s is offered to a customer of %+v", plan.Code, current)
		}
	}
	return api.ChangeForm{Line: c.Line, Current: current.Code, Target: offers.Products[0].Code}
}

func TestPlanChange(t *testing.T) {
	t.Parallel()
	c := subscriber(t)
	form := newChangeForm(t, c)
	before := c.see(t, "")
	if menu := c.ProductMenu().OK(t); menu.Line != c.Line || menu.Current.Code != form.Current || len(menu.Items) == 0 {
		t.Errorf("menu: %+v", menu)
	}
	if before.Bill.ProductCode != form.Current {
		t.Fatalf("the bill is for %s, the plan is %s", before.Bill.ProductCode, form.Current)
	}
	if check := c.Validate(form).OK(t); check.Result != "SUCCESS" || len(check.Failed()) > 0 {
		t.Errorf("pre-check: %+v", check)
	}

	answer := c.Change(form, api.How{Key: "e2e-" + c.UserID})
	changed := answer.OK(t)
	if answer.Status != http.StatusOK || changed.Status != api.Completed || changed.ResultCode != kos.OK || changed.Changed.Code != form.Target {
		t.Fatalf("%s", answer)
	}
	showsPlan(t, c, form.Target)
	if again := c.Change(form, api.How{Key: "e2e-" + c.UserID}).OK(t); again.RequestID != changed.RequestID || again.Status != api.Completed {
		t.Errorf("the same key got another answer: %+v", again)
	}
	if result := c.ChangeResult(changed.RequestID).OK(t); result.Status != api.Completed || result.ProcessedAt == nil {
		t.Errorf("result: %+v", result)
	}
	history := c.Changes("").OK(t)
	if history.Pagination.TotalElements != 1 || history.Changes[0].RequestID != changed.RequestID || history.Changes[0].Current != form.Current {
		t.Errorf("history: %+v", history)
	}
	if n := count(t, kos.Query{Endpoint: kos.ProductChange, Line: c.Line}).Total; n != 1 {
		t.Errorf("KOS got %d orders", n)
	}
}

// showsPlan waits until both services show the new plan, at most newPlanWithin.
func showsPlan(t testing.TB, c customer, plan string) {
	t.Helper()
	if got := c.Subscription(c.Line).OK(t).Current.Code; got != plan {
		t.Errorf("the service that changed the plan shows %s", got)
	}
	await(t, newPlanWithin, "a bill with the new plan", func() error {
		if got := c.see(t, "").Bill.ProductCode; got != plan {
			return errAwaited("the bill is for " + got)
		}
		return nil
	})
}

func TestAsyncPlanChange(t *testing.T) {
	t.Parallel()
	c := subscriber(t)
	answer := c.Change(newChangeForm(t, c), api.How{Async: true})
	accepted := answer.OK(t)
	location := answer.Header.Get("Location")
	if answer.Status != http.StatusAccepted || location != "/api/v1/products/change/"+accepted.RequestID ||
		answer.Header.Get("Preference-Applied") != "respond-async" {
		t.Fatalf("%s\nLocation %q", answer, location)
	}
	await(t, healTimeout, "the end of the change", func() error {
		if got := c.ChangeResult(accepted.RequestID).OK(t); got.Status != api.Completed {
			return errAwaited("it is " + got.Status)
		}
		return nil
	})
}

func TestPlanChangeRefusals(t *testing.T) {
	t.Parallel()
	c := subscriber(t)
	good := newChangeForm(t, c)
	with := func(alter func(*api.ChangeForm)) api.ChangeForm {
		form := good
		alter(&form)
		return form
	}
	for _, refused := range []struct {
		form  api.ChangeForm
		check string
	}{
		{with(func(f *api.ChangeForm) { f.Target = f.Current }), "PRODUCT_AVAILABLE"},
		{with(func(f *api.ChangeForm) { f.Target = "3G-OLD-001" }), "PRODUCT_AVAILABLE"},
		{with(func(f *api.ChangeForm) { f.Target = "NO-SUCH-PLAN" }), "PRODUCT_AVAILABLE"},
		{with(func(f *api.ChangeForm) { f.Current = good.Target }), "CURRENT_PRODUCT_MATCH"},
	} {
		check := c.Validate(refused.form).OK(t)
		if check.Result != "FAILURE" || check.FailureReason == "" || !slices.Contains(check.Failed(), refused.check) {
			t.Errorf("pre-check of %+v: %+v", refused.form, check)
		}
		c.Change(refused.form, api.How{}).Refused(t, http.StatusConflict, "VALIDATION_FAILED")
	}
	key := api.How{Key: "e2e-reused-" + c.UserID}
	c.Change(good, key).OK(t)
	c.Change(with(func(f *api.ChangeForm) { f.Target = "LTE-BASIC-001-X" }), key).Refused(t, http.StatusUnprocessableEntity, "IDEMPOTENCY_KEY_REUSED")

	suspended := demo(t, "testuser05")
	form := api.ChangeForm{Line: "01000000000", Current: suspended.Subscription("01000000000").OK(t).Current.Code, Target: good.Target}
	suspended.Change(form, api.How{}).Refused(t, http.StatusConflict, "LINE_SUSPENDED")
}

func TestPlansNeedOwnLine(t *testing.T) {
	t.Parallel()
	c, other := subscriber(t), subscriber(t)
	theirs := newChangeForm(t, other)
	change := other.Change(theirs, api.How{}).OK(t)

	c.Subscription(other.Line).Refused(t, http.StatusForbidden, "LINE_NOT_ALLOWED")
	c.Change(theirs, api.How{}).Refused(t, http.StatusForbidden, "LINE_NOT_ALLOWED")
	c.Validate(theirs).Refused(t, http.StatusForbidden, "LINE_NOT_ALLOWED")
	c.Changes("lineNumber="+other.Line).Refused(t, http.StatusForbidden, "LINE_NOT_ALLOWED")
	want := c.ChangeResult(unknownChange).Refused(t, http.StatusNotFound, "CHANGE_NOT_FOUND")
	got := c.ChangeResult(change.RequestID).Refused(t, http.StatusNotFound, "CHANGE_NOT_FOUND")
	if diff := cmp.Diff(want, got, anyTrace); diff != "" {
		t.Errorf("another customer's change is distinguishable: %s", diff)
	}

	reader := demo(t, "testuser02") // may inquire bills only
	form := api.ChangeForm{Line: "01087654321", Current: "5G-STANDARD-001", Target: theirs.Target}
	reader.Change(form, api.How{}).Refused(t, http.StatusForbidden, "PERMISSION_DENIED")
}

// TestOneChangePerLine races two hundred requests for one line.
func TestOneChangePerLine(t *testing.T) {
	t.Parallel()
	c := subscriber(t)
	form := newChangeForm(t, c)
	answers := race(200, func(int) api.Answer[api.Change] { return c.Change(form, api.How{Async: true}) })
	accepted := 0
	for _, answer := range answers {
		if answer.Succeeded() {
			accepted++
			continue
		}
		// Later requests find the line on its new plan.
		if code := answer.Failure.Error.Code; answer.Status != http.StatusConflict || code != "CHANGE_IN_PROGRESS" && code != "VALIDATION_FAILED" {
			t.Errorf("%s", answer)
		}
	}
	if accepted != 1 {
		t.Errorf("%d of %d were accepted", accepted, len(answers))
	}
	orderedOnce(t, c)
}

// TestOneChangePerKey sends one request a hundred times in parallel.
func TestOneChangePerKey(t *testing.T) {
	t.Parallel()
	c := subscriber(t)
	form := newChangeForm(t, c)
	answers := race(100, func(int) api.Answer[api.Change] { return c.Change(form, api.How{Key: "e2e-race-" + c.UserID}) })
	for _, answer := range answers {
		if diff := cmp.Diff(answers[0].OK(t), answer.OK(t)); diff != "" {
			t.Errorf("answers differ: %s", diff)
		}
	}
	orderedOnce(t, c)
}

func race[T any](size int, call func(n int) api.Answer[T]) []api.Answer[T] {
	answers := make([]api.Answer[T], size)
	var group sync.WaitGroup
	for n := range answers {
		group.Go(func() { answers[n] = call(n) })
	}
	group.Wait()
	return answers
}

// orderedOnce checks that a customer has one change, which reached KOS once.
func orderedOnce(t testing.TB, c customer) {
	t.Helper()
	await(t, healTimeout, "the end of the change", func() error {
		history := c.Changes("").OK(t)
		if len(history.Changes) != 1 || history.Changes[0].Status != api.Completed {
			return errAwaited(fmt.Sprintf("%+v", history))
		}
		return nil
	})
	if n := count(t, kos.Query{Endpoint: kos.ProductChange, Line: c.Line}).Total; n != 1 {
		t.Errorf("KOS got %d orders", n)
	}
}

// The first screen of a line that nothing is known of costs one call of KOS, whatever its
// client requests at once.
func TestFirstScreenCostsOneCall(t *testing.T) {
	t.Parallel()
	c := resident(t)
	const each = 10
	var (
		plans  [each]api.Answer[api.Subscription]
		menus  [each]api.Answer[api.ProductMenu]
		offers [each]api.Answer[api.Offers]
		group  sync.WaitGroup
	)
	for i := range each {
		group.Go(func() { plans[i] = c.Subscription(c.Line) })
		group.Go(func() { menus[i] = c.ProductMenu() })
		group.Go(func() { offers[i] = c.Offers("") })
	}
	group.Wait()
	for i := range each {
		current := plans[i].OK(t).Current
		if menu := menus[i].OK(t).Current; menu != current {
			t.Errorf("the menu shows %+v instead of %+v", menu, current)
		}
		if plans := offers[i].OK(t).Products; len(plans) == 0 || plans[0].Operator != current.Operator {
			t.Errorf("offers %+v", plans)
		}
	}
	calls := count(t, kos.Query{Endpoint: kos.ProductInquiry, Line: c.Line, Client: "product-change-service"}).Total
	if calls < 1 || calls > replicas() {
		t.Errorf("KOS was called %d times, want at most once per replica", calls)
	}
}
