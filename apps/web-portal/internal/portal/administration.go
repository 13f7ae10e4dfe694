package portal

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pathvalue"
	"github.com/phonebill/phonebill/apps/web-portal/internal/pages"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// administration requires an administrator. The services check each call. For a token without the
// permission auth-service decides, because the permission may be newer than the token; it records a
// refusal in its audit trail.
func (p *Portal) administration(show screen) screen {
	return p.inside(func(v *visit) error {
		if !v.session.May(mayAdminister) {
			if _, err := p.Services.Events(v.r.Context(), v.session.Access, upstream.EventFilter{Size: 1}); err != nil {
				return err
			}
		}
		return show(v)
	})
}

// users lists accounts. A search is a POST, because it may be for a line number, which no URL has.
func (p *Portal) users(v *visit) error {
	content := pages.Users{Filter: upstream.UserFilter{Query: v.value("query"), Status: v.value("status"), Page: pageNumber(v.r)}}
	found, err := p.Services.Users(v.r.Context(), v.session.Access, content.Filter)
	if content.Error, err = v.mistake(err); err != nil {
		return err
	}
	content.Found = found
	return p.showSearch(v, "users", pages.Frame{Title: v.text("Users"), Content: content}, content.Error)
}

// mistake returns what is wrong with a search according to the service's answer, or any other error.
func (v *visit) mistake(err error) (string, error) {
	failure := upstream.AsFailure(err)
	if err == nil || failure.Status != http.StatusBadRequest {
		return "", err
	}
	messages := v.fields(failure)
	text := v.problem(failure)
	for _, name := range slices.Sorted(maps.Keys(messages)) {
		text += " " + messages[name]
	}
	return text, nil
}

// showSearch shows what a search has found, or what is wrong with it.
func (p *Portal) showSearch(v *visit, name string, frame pages.Frame, mistake string) error {
	status := http.StatusOK
	if mistake != "" {
		status = http.StatusBadRequest
	}
	frame.Active = "administration"
	return p.show(v, status, name, frame)
}

// value returns a parameter without surrounding spaces.
func (v *visit) value(name string) string { return strings.TrimSpace(v.r.FormValue(name)) }

// userID are the ids of users.
var userID = regexp.MustCompile(`^[A-Za-z0-9_-]{3,20}$`)

func parseUser(text string) (string, error) {
	if !userID.MatchString(text) {
		return "", strconv.ErrSyntax
	}
	return text, nil
}

// recent is the number of events on the page of an account.
const recent = 5

// member returns the account in the path, with its part of the audit trail.
func (p *Portal) member(v *visit) (pages.Member, error) {
	id, err := pathvalue.Get(v.r, "id", parseUser, notFound)
	if err != nil {
		return pages.Member{}, err
	}
	var content pages.Member
	var group errgroup.Group
	group.Go(func() (err error) {
		content.User, err = p.Services.Member(v.r.Context(), v.session.Access, id)
		return err
	})
	group.Go(func() error {
		content.Events = part(p.Services.Events(v.r.Context(), v.session.Access, upstream.EventFilter{Target: id, Size: recent}))
		return nil
	})
	if err := group.Wait(); err != nil {
		return pages.Member{}, err
	}
	// Users may read their own accounts, but only administrators the audit trail.
	if failure := content.Events.Failure; failure != nil && !failure.Temporary() {
		return pages.Member{}, failure
	}
	content.Own = content.User.ID == v.session.UserID
	return content, nil
}

// showMember shows an account with its part of the audit trail.
func (p *Portal) showMember(v *visit) error {
	content, err := p.member(v)
	if err != nil {
		return err
	}
	return p.show(v, http.StatusOK, "member", pages.Frame{
		Title: content.User.ID, Active: "administration", Notice: v.done(), Reload: soonest(content.Events.Failure), Content: content,
	})
}

// done returns the message after an act, or "".
func (v *visit) done() string {
	switch v.value("done") {
	case upstream.Suspend:
		return v.text("The user is suspended, and logged out on all devices.")
	case upstream.Reinstate:
		return v.text("The user is reinstated.")
	case upstream.Unlock:
		return v.text("The user is unlocked.")
	case upstream.Grant:
		return v.text("The permission is granted.")
	case upstream.Revoke:
		return v.text("The permission is revoked.")
	}
	return ""
}

// actOf returns the act in the path, which the routes restrict to those that exist.
func actOf(v *visit) (act upstream.Act) {
	asItIs := func(text string) (string, error) { return text, nil }
	act.Kind, _ = pathvalue.Get(v.r, "act", asItIs, nil)
	act.Permission, _ = pathvalue.Get(v.r, "code", asItIs, nil)
	return act
}

// confirm asks an administrator to confirm an act.
func (p *Portal) confirm(v *visit) error { return p.showAct(v, http.StatusOK, pages.Act{}) }

func (p *Portal) showAct(v *visit, status int, content pages.Act) error {
	member, err := p.member(v)
	if err != nil {
		return err
	}
	content.Member, content.Act, content.Path = member, actOf(v), v.r.URL.Path
	return p.show(v, status, "act", pages.Frame{Title: member.User.ID, Active: "administration", Content: content})
}

// perform acts on an account. An act sets a state, so a form that is sent twice has one effect.
func (p *Portal) perform(v *visit) error {
	id, err := pathvalue.Get(v.r, "id", parseUser, notFound)
	if err != nil {
		return err
	}
	act := actOf(v)
	err = p.Services.Perform(v.r.Context(), v.session.Access, id, act)
	if err == nil {
		return v.redirect("/admin/users/" + id + "?done=" + act.Kind)
	}
	failure := upstream.AsFailure(err)
	switch {
	case failure.Status == http.StatusConflict:
		return p.showAct(v, failure.Status, pages.Act{Error: v.problem(failure)})
	case failure.Temporary() && failure.Status != http.StatusInternalServerError:
		retry := waitFor(failure)
		v.w.Header().Set("Retry-After", strconv.Itoa(retry))
		return p.showAct(v, http.StatusServiceUnavailable, pages.Act{Retry: retry})
	}
	return err
}

// audit shows the audit trail. Like a search for users, a search in it is a POST.
func (p *Portal) audit(v *visit) error {
	content := pages.Audit{Filter: upstream.EventFilter{
		Actor: v.value("actor"), Target: v.value("target"), Action: v.value("action"), Outcome: v.value("outcome"),
		From: v.value("from"), Until: v.value("until"), Before: v.value("before"),
	}}
	if line, err := msisdn.Parse(content.Filter.Target); err == nil {
		content.Filter.Target = line.Masked() // as the trail has it
	}
	found, err := p.Services.Events(v.r.Context(), v.session.Access, content.Filter)
	if content.Error, err = v.mistake(err); err != nil {
		return err
	}
	content.Found = found
	return p.showSearch(v, "audit", pages.Frame{Title: v.text("Audit trail"), Content: content}, content.Error)
}
