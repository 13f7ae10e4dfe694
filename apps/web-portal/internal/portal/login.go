package portal

import (
	"errors"
	"net/http"
	"strings"

	"github.com/phonebill/phonebill/apps/web-portal/internal/browser"
	"github.com/phonebill/phonebill/apps/web-portal/internal/pages"
	"github.com/phonebill/phonebill/apps/web-portal/internal/text"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// askLogin leads a browser without a session to the log-in page. A form that was sent is
// kept in that page, except for passwords.
func (p *Portal) askLogin(v *visit) error {
	if v.r.Method == http.MethodGet {
		target := "/login"
		if v.r.URL.Path != "/" {
			target += "?next=" + escape(v.r.URL.RequestURI())
		}
		return v.redirect(target)
	}
	resume, _ := v.sent()
	return p.showLogin(v, http.StatusUnauthorized, pages.Login{Resume: resume})
}

func (p *Portal) showLogin(v *visit, status int, content pages.Login) error {
	return p.show(v, status, "login", pages.Frame{Title: v.text("Log in"), Content: content})
}

func (p *Portal) loginPage(v *visit) error {
	next := browser.LocalPath(v.r.FormValue("next"), "/")
	if _, err := p.Sessions.Load(v.w, v.r); err == nil {
		return v.redirect(next)
	}
	return p.showLogin(v, http.StatusOK, pages.Login{Next: next})
}

// resumePrefix marks the fields of a form to send again.
const resumePrefix = "resume:"

func (p *Portal) login(v *visit) error {
	content := pages.Login{
		UserID: v.trimmed("userId"), Stays: v.r.PostForm.Get("stay") != "",
		Next: browser.LocalPath(v.r.PostForm.Get("next"), "/"), Resume: resumed(v),
	}
	tokens, err := p.Services.Login(v.r.Context(), content.UserID, v.r.PostForm.Get("password"), content.Stays)
	if err != nil {
		return p.refuseLogin(v, content, err)
	}
	p.Sessions.Open(v.w, tokens, content.Stays)
	v.token = p.Sessions.RotateFormToken(v.w)
	if content.Resume != nil {
		return p.show(v, http.StatusOK, "resume", pages.Frame{Title: v.text("Go on"), Content: *content.Resume})
	}
	return v.redirect(content.Next)
}

// resumed returns the form that the log-in page has kept, or nil.
func resumed(v *visit) *pages.Resume {
	action := browser.LocalPath(v.r.PostForm.Get("resume_action"), "")
	if action == "" {
		return nil
	}
	return newResume(action, v.r.PostForm, func(name string) (string, bool) {
		field, ok := strings.CutPrefix(name, resumePrefix)
		return field, ok && field != tokenField
	})
}

// refuseLogin shows the log-in page with the reason, and what the customer can do.
func (p *Portal) refuseLogin(v *visit, content pages.Login, err error) error {
	var failure *upstream.Failure
	if !errors.As(err, &failure) {
		return err
	}
	content.Error = v.problem(failure)
	switch failure.Code {
	case "AUTH_001":
		content.Hints = []string{
			v.text("After five wrong attempts in a row you cannot log in for 30 minutes."),
			v.text("If it is right and you still cannot log in, the id may be suspended. Please contact the customer centre."),
		}
	case "AUTH_002", "AUTH_003":
		content.Hints = []string{v.text("While the id is locked, the right password is refused too. It is unlocked by itself 30 minutes after it was locked.")}
	case "RATE_LIMITED":
		content.Hints = []string{v.text("There were many attempts to log in from your address. Please try again in %s. The id is not locked.", v.lang.Duration(failure.RetryAfter))}
	case "VALIDATION_ERROR", "MALFORMED_JSON":
		content.Error = v.text("The id has 3 to 20 letters, digits, _ and -, the password 8 to 50 characters.")
	default:
		if failure.Temporary() {
			content.Error = v.text("You cannot log in now. Please try again in %s.", v.lang.Duration(failure.RetryAfter))
			return p.showLogin(v, http.StatusServiceUnavailable, content)
		}
	}
	return p.showLogin(v, failure.Status, content)
}

// logout ends the session for every service, and removes it from the browser even if
// auth-service cannot be reached.
func (p *Portal) logout(v *visit) error {
	session, err := p.Sessions.Load(v.w, v.r)
	if err == nil {
		err = p.Services.Logout(v.r.Context(), session.Access)
	}
	if err != nil && !errors.Is(err, browser.ErrNone) && !upstream.Is(err, upstream.CodeUnauthenticated) {
		return err // the session still exists: the customer must know
	}
	p.Sessions.Close(v.w)
	p.Sessions.RotateFormToken(v.w)
	return v.redirect("/login")
}

func (p *Portal) registerPage(v *visit) error {
	return p.show(v, http.StatusOK, "register", pages.Frame{Title: v.text("Register"), Content: pages.Register{}})
}

func (p *Portal) register(v *visit) error {
	account := upstream.Registration{
		UserID: v.trimmed("userId"), CustomerID: v.trimmed("customerId"), Line: v.trimmed("lineNumber"),
		Name: v.trimmed("userName"), Password: v.r.PostForm.Get("password"),
	}
	err := p.Services.Register(v.r.Context(), account)
	if err == nil {
		return p.show(v, http.StatusOK, "login", pages.Frame{
			Title: v.text("Log in"), Notice: v.text("You are registered. Please log in."), Content: pages.Login{UserID: account.UserID, Next: "/"},
		})
	}
	failure := upstream.AsFailure(err)
	if failure.Status == http.StatusInternalServerError {
		return err
	}
	account.Password = ""
	content := pages.Register{Values: account, Error: v.problem(failure), Errors: v.fields(failure)}
	if failure.Temporary() {
		content.Error = v.text("You cannot register now. Please try again in %s.", v.lang.Duration(failure.RetryAfter))
	}
	return p.show(v, failure.Status, "register", pages.Frame{Title: v.text("Register"), Content: content})
}

// language switches the language of the browser.
func (p *Portal) language(v *visit) error {
	p.Sessions.SetLanguage(v.w, text.Choose(v.r.PostForm.Get("to"), v.r.Header.Get("Accept-Language")))
	return v.redirect(browser.LocalPath(v.r.PostForm.Get("next"), "/"))
}
