package portal

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
	"github.com/phonebill/phonebill/apps/web-portal/internal/browser"
	"github.com/phonebill/phonebill/apps/web-portal/internal/pages"
	"github.com/phonebill/phonebill/apps/web-portal/internal/text"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// visit is a request of a page.
type visit struct {
	w http.ResponseWriter
	r *http.Request
	// session is the zero value on the pages without a session.
	session browser.Session
	// token is the token of forms.
	token string
	lang  text.Language
}

// text returns a text in the language of the visit.
func (v *visit) text(english string, args ...any) string { return v.lang.Text(english, args...) }

// screen answers a visit, or returns an error that is shown instead.
type screen func(v *visit) error

// handler returns the handler of a screen.
func (p *Portal) handler(show screen) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		browser.WritePageHeaders(w)
		r = r.WithContext(upstream.WithUserAgent(r.Context(), r.UserAgent()))
		v := &visit{w: w, r: r, lang: p.Sessions.Language(r)}
		if err := show(v); err != nil {
			p.fail(v, err)
		}
	})
}

// inside requires a session.
func (p *Portal) inside(show screen) screen {
	return func(v *visit) error {
		session, err := p.Sessions.Load(v.w, v.r)
		if errors.Is(err, browser.ErrNone) && v.r.Method == http.MethodGet && v.r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			return p.repeatAsSameSite(v)
		}
		if err != nil {
			return err
		}
		v.session = session
		return show(v)
	}
}

// repeatAsSameSite makes a browser that follows a link of another site repeat the request as one
// of this site, because it does not send the cookies with the first.
func (p *Portal) repeatAsSameSite(v *visit) error {
	v.w.Header().Set("Refresh", "0")
	return p.notice(v, http.StatusOK, pages.Notice{Heading: v.text("Please wait"), Text: v.text("The page is being opened."), Link: v.r.URL.Path, LinkText: v.text("Continue")})
}

// tokenField is the name of the form token.
const tokenField = "form_token"

// form requires a form with the browser's form token.
func (p *Portal) form(show screen) screen {
	return func(v *visit) error {
		if refusal := browser.ReadForm(v.w, v.r); refusal != 0 {
			return p.notice(v, refusal, pages.Notice{
				Heading: v.text("The request cannot be processed"), Text: v.text("What you have sent cannot be read. Please open the page again."), Link: "/", LinkText: v.text("To the home page"),
			})
		}
		if !p.Sessions.CheckForm(v.r, v.r.PostForm.Get(tokenField)) {
			return p.notice(v, http.StatusForbidden, pages.Notice{
				Heading: v.text("The page is too old"), Text: v.text("The request has not been processed, to be safe. Please open the page again."), Code: "FORM_EXPIRED", Link: "/", LinkText: v.text("To the home page"),
			})
		}
		return show(v)
	}
}

// show answers with a page.
func (p *Portal) show(v *visit, status int, name string, frame pages.Frame) error {
	if v.token == "" {
		v.token = p.Sessions.FormToken(v.w, v.r)
	}
	frame.Token, frame.Language = v.token, v.lang
	v.w.Header().Set("Content-Language", string(v.lang))
	if v.r.Method == http.MethodGet {
		frame.Here = v.r.URL.RequestURI()
	}
	if v.session.UserID != "" {
		frame.User = v.session.UserID
		frame.Bills, frame.Plans = v.session.May(mayInquire), v.session.May(mayChange)
		frame.Administers = v.session.May(mayAdminister)
		if !v.session.Stays {
			frame.Idle = int(p.Idle / time.Second)
		}
	}
	page, err := p.Pages.Render(name, frame)
	if err != nil {
		return err
	}
	v.w.WriteHeader(status)
	_, _ = v.w.Write(page) // fails only if the client has disconnected
	return nil
}

// redirect answers with another page.
func (v *visit) redirect(path string) error {
	v.w.Header().Del("Content-Type")
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

// notice answers with a message. If it is temporary, the page loads itself again, or sends its form
// again.
func (p *Portal) notice(v *visit, status int, content pages.Notice) error {
	if content.Retry > 0 {
		v.w.Header().Set("Retry-After", strconv.Itoa(content.Retry))
	}
	reload := content.Retry
	if v.r.Method == http.MethodPost {
		reload = 0
		if form, whole := v.sent(); whole && content.Retry > 0 {
			content.Again = form
		} else if content.Retry > 0 {
			content.Heading, content.Retry = v.text("The request has failed"), 0
		}
	}
	return p.show(v, status, "notice", pages.Frame{Title: content.Heading, Reload: reload, Content: content})
}

// fail shows an error.
func (p *Portal) fail(v *visit, err error) {
	if errors.Is(err, browser.ErrNone) || upstream.Is(err, upstream.CodeUnauthenticated) {
		p.Sessions.Close(v.w)
		v.session = browser.Session{}
		err = p.askLogin(v)
	} else {
		failure := upstream.AsFailure(err)
		if failure.Status == http.StatusInternalServerError {
			telemetry.RecordError(v.r.Context(), err)
		}
		err = p.explain(v, failure)
	}
	if err != nil {
		telemetry.RecordError(v.r.Context(), err)
		http.Error(v.w, v.text("Something went wrong. Please try again later."), http.StatusInternalServerError)
	}
}

// problem returns the message of a failure.
func (v *visit) problem(failure *upstream.Failure) string {
	return v.lang.Problem(failure.Code, failure.Message)
}

// fields returns the messages of the values that a failure refuses.
func (v *visit) fields(failure *upstream.Failure) map[string]string {
	messages := map[string]string{}
	for name, message := range failure.Fields {
		messages[name] = v.lang.Field(name, message)
	}
	return messages
}

// explain shows a failure of a service.
func (p *Portal) explain(v *visit, failure *upstream.Failure) error {
	content := pages.Notice{Heading: v.text("The request has failed"), Text: v.problem(failure), Code: failure.Code, TraceID: failure.TraceID, Link: "/", LinkText: v.text("To the home page")}
	status := failure.Status
	switch {
	case failure.Temporary() && status != http.StatusInternalServerError:
		content.Heading = v.text("The page tries again soon")
		content.Retry = waitFor(failure)
		if status != http.StatusTooManyRequests {
			status = http.StatusServiceUnavailable
		}
	case status == http.StatusForbidden:
		content.Heading = v.text("You cannot use this page")
	case status == http.StatusNotFound:
		content.Heading = v.text("Not found")
	}
	return p.notice(v, status, content)
}

// Bounds of the pause before a page loads itself again, in seconds.
const (
	shortestWait = 2
	longestWait  = 60
)

// waitFor returns the pause before a repeat, in seconds.
func waitFor(failure *upstream.Failure) int {
	return clampWait(int(failure.RetryAfter / time.Second))
}

func clampWait(seconds int) int { return min(max(seconds, shortestWait), longestWait) }

// foreign is the answer to a form of another site.
func (p *Portal) foreign(v *visit) error {
	return p.notice(v, http.StatusForbidden, pages.Notice{
		Heading: v.text("The request has been refused"), Text: v.text("Requests of other sites are refused."), Code: "FOREIGN_FORM", Link: "/", LinkText: v.text("To the home page"),
	})
}

// unknown is the page of an unknown path.
func (p *Portal) unknown(v *visit) error {
	return p.notice(v, http.StatusNotFound, pages.Notice{
		Heading: v.text("There is no such page"), Text: v.text("The address has changed, or has been mistyped."), Link: "/", LinkText: v.text("To the home page"),
	})
}

// part returns an answer as a part of a page. A page without a session is no part.
func part[T any](value T, err error) pages.Part[T] {
	if err == nil {
		return pages.Part[T]{Value: value}
	}
	return pages.Part[T]{Value: value, Failure: upstream.AsFailure(err)}
}

// ended returns the first failure that means the end of the session, or nil.
func ended(failures ...*upstream.Failure) error {
	for _, failure := range failures {
		if failure != nil && failure.Code == upstream.CodeUnauthenticated {
			return failure
		}
	}
	return nil
}

// soonest returns the shortest pause of temporary failures in seconds, or 0.
func soonest(failures ...*upstream.Failure) int {
	shortest := 0
	for _, failure := range failures {
		if failure != nil && failure.Temporary() {
			shortest = earlier(shortest, waitFor(failure))
		}
	}
	return shortest
}

// earlier returns the shorter of two pauses; 0 means none.
func earlier(a, b int) int {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// trimmed returns a field of a form without surrounding spaces.
func (v *visit) trimmed(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }
