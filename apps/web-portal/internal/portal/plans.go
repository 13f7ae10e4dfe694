package portal

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/phonebill/phonebill/apps/internal/pathvalue"
	"github.com/phonebill/phonebill/apps/web-portal/internal/pages"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

func escape(text string) string { return url.QueryEscape(text) }

// catalogue returns the line's plan and the plans that it can change to. Either may wait
// in the queue.
func (p *Portal) catalogue(v *visit) (subscriber upstream.Subscriber, offers upstream.Offers, err error) {
	group, ctx := errgroup.WithContext(v.r.Context())
	group.Go(func() (err error) {
		subscriber, err = p.Services.Subscriber(ctx, v.session.Access)
		return err
	})
	group.Go(func() (err error) {
		offers, err = p.Services.Offers(ctx, v.session.Access)
		return err
	})
	err = group.Wait()
	return subscriber, offers, err
}

// queued shows the place in the queue, if one of the answers waits.
func (p *Portal) queued(v *visit, answers ...upstream.Queued) (bool, error) {
	for _, answer := range answers {
		if !answer.Waits() {
			continue
		}
		content := pages.Waiting{What: v.text("Asking for the plans"), Position: answer.Position, Estimated: answer.Estimated}
		return true, p.show(v, http.StatusOK, "waiting", pages.Frame{
			Title: content.What, Active: "plans", Reload: min(clampWait(answer.Estimated), 5), Content: content,
		})
	}
	return false, nil
}

// plans shows the plans, filtered, and compares some.
func (p *Portal) plans(v *visit) error {
	subscriber, offers, err := p.catalogue(v)
	if err != nil {
		return err
	}
	if waits, err := p.queued(v, subscriber.Queued, offers.Queued); waits {
		return err
	}
	filter := pages.NewFilter(v.r.FormValue("fee"), v.r.FormValue("data"), v.r.FormValue("order"), v.r.Form["compare"])
	return p.show(v, http.StatusOK, "plans", pages.Frame{Title: v.text("Find a plan"), Active: "plans", Content: filter.Apply(v.lang, subscriber, offers)})
}

// plan shows a plan with the result of the pre-check, and the form that changes to it.
func (p *Portal) plan(v *visit) error {
	return p.showPlan(v, http.StatusOK, pages.Plan{Key: rand.Text()})
}

// furthest is the number of days that a change may be ordered ahead.
const furthest = 60

// planCode are the codes of plans.
var planCode = regexp.MustCompile(`^[A-Za-z0-9._-]{1,50}$`)

// showPlan shows the page of the plan in the path.
func (p *Portal) showPlan(v *visit, status int, content pages.Plan) error {
	code, err := pathvalue.Get(v.r, "code", parsePlan, notFound)
	if err != nil {
		return err
	}
	subscriber, offers, err := p.catalogue(v)
	if err != nil {
		return err
	}
	if waits, err := p.queued(v, subscriber.Queued, offers.Queued); waits {
		return err
	}
	i := slices.IndexFunc(offers.Plans, func(plan upstream.Plan) bool { return plan.Code == code })
	if i < 0 {
		return &upstream.Failure{Status: http.StatusNotFound, Code: "PLAN_NOT_OFFERED"}
	}
	plan := offers.Plans[i]
	content.Current = subscriber
	content.Offer = pages.Offer{Plan: plan, Difference: plan.Fee - subscriber.Plan.Fee}
	content.First, content.Last = p.today(0), p.today(furthest)
	content.Validation = part(p.Services.Validate(v.r.Context(), v.session.Access, upstream.Order{
		Line: v.session.Line, Current: subscriber.Plan.Code, Target: code,
	}))
	if err := ended(content.Validation.Failure); err != nil {
		return err
	}
	reload := soonest(content.Validation.Failure)
	if v.r.Method != http.MethodGet {
		reload = 0
	}
	return p.show(v, status, "plan", pages.Frame{Title: plan.Name, Active: "plans", Reload: reload, Content: content})
}

func parsePlan(text string) (string, error) {
	if !planCode.MatchString(text) {
		return "", strconv.ErrSyntax
	}
	return text, nil
}

// changeKey are the keys that forms carry.
var changeKey = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// change orders a change. The form's key makes a form that is sent twice one change.
func (p *Portal) change(v *visit) error {
	code, err := pathvalue.Get(v.r, "code", parsePlan, notFound)
	if err != nil {
		return err
	}
	key := v.r.PostForm.Get("key")
	again := pages.Plan{Key: key, From: v.trimmed("from")}
	if !changeKey.MatchString(key) {
		again.Key = rand.Text()
		again.Error = v.text("The page is too old. Please check it and order again.")
		return p.showPlan(v, http.StatusBadRequest, again)
	}
	if v.r.PostForm.Get("confirm") == "" {
		again.Error = v.text("Please agree to the change to order it.")
		return p.showPlan(v, http.StatusBadRequest, again)
	}
	state, err := p.Services.Change(v.r.Context(), v.session.Access, upstream.Order{
		Line: v.session.Line, Current: v.r.PostForm.Get("current"), Target: code, From: again.From,
	}, key)
	if err != nil {
		return p.refuseChange(v, again, err)
	}
	return v.redirect("/changes/" + state.ID)
}

// refuseChange shows the form again. A repeat of the same order has the same key.
func (p *Portal) refuseChange(v *visit, again pages.Plan, err error) error {
	failure := upstream.AsFailure(err)
	switch {
	case failure.Code == upstream.CodeUnauthenticated, failure.Status == http.StatusInternalServerError:
		return err
	case failure.Temporary():
		again.Retry = waitFor(failure)
		v.w.Header().Set("Retry-After", strconv.Itoa(again.Retry))
		return p.showPlan(v, http.StatusServiceUnavailable, again)
	}
	again.Key = rand.Text()
	again.Error = v.problem(failure)
	for _, message := range v.fields(failure) {
		again.Error += " " + message
	}
	return p.showPlan(v, failure.Status, again)
}

// changeState shows the progress of a change.
func (p *Portal) changeState(v *visit) error {
	id, err := pathvalue.UUID(v.r, "id", notFound)
	if err != nil {
		return err
	}
	state, err := p.Services.ChangeState(v.r.Context(), v.session.Access, id)
	if err != nil {
		return err
	}
	reload := shortestWait
	if state.Final() {
		reload = 0
	}
	return p.show(v, http.StatusOK, "change", pages.Frame{Title: v.text("Change of plan"), Active: "plans", Reload: reload, Content: state})
}

// changes shows the history of changes.
func (p *Portal) changes(v *visit) error {
	items, page, err := p.Services.Changes(v.r.Context(), v.session.Access, pageNumber(v.r))
	if err != nil {
		return err
	}
	content := pages.History[upstream.PastChange]{Items: items, Page: page}
	return p.show(v, http.StatusOK, "changes", pages.Frame{Title: v.text("Changes"), Active: "plans", Content: content})
}
