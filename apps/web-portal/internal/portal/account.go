package portal

import (
	"net/http"
	"regexp"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/phonebill/phonebill/apps/internal/pathvalue"
	"github.com/phonebill/phonebill/apps/web-portal/internal/pages"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// account shows the customer, the sessions and the last log-ins.
func (p *Portal) account(v *visit) error {
	notice := ""
	switch v.r.FormValue("done") {
	case "password":
		notice = v.text("The password has changed. All other devices have been logged out.")
	case "session":
		notice = v.text("The device has been logged out.")
	}
	return p.showAccount(v, http.StatusOK, notice, pages.Account{})
}

func (p *Portal) showAccount(v *visit, status int, notice string, content pages.Account) error {
	ctx, token := v.r.Context(), v.session.Access
	var group errgroup.Group
	group.Go(func() (err error) {
		content.User, err = p.Services.User(ctx, token)
		return err
	})
	group.Go(func() error {
		content.Sessions = part(p.Services.Sessions(ctx, token))
		return nil
	})
	group.Go(func() error {
		content.Logins = part(p.Services.Logins(ctx, token))
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return p.show(v, status, "account", pages.Frame{Title: v.text("Account"), Active: "account", Notice: notice, Content: content})
}

// password changes the password.
func (p *Portal) password(v *visit) error {
	err := p.Services.ChangePassword(v.r.Context(), v.session.Access, v.r.PostForm.Get("currentPassword"), v.r.PostForm.Get("newPassword"))
	if err == nil {
		return v.redirect("/account?done=password")
	}
	failure := upstream.AsFailure(err)
	if failure.Code == upstream.CodeUnauthenticated || failure.Status == http.StatusInternalServerError {
		return err
	}
	content := pages.Account{Error: v.problem(failure), Errors: v.fields(failure)}
	if failure.Temporary() {
		content.Error = v.text("You cannot change the password now. Please try again in %s.", v.lang.Duration(failure.RetryAfter))
	}
	return p.showAccount(v, failure.Status, "", content)
}

// sessionID are the ids of sessions.
var sessionID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func parseSession(text string) (string, error) {
	if !sessionID.MatchString(text) {
		return "", strconv.ErrSyntax
	}
	return text, nil
}

// endSession ends another session. One that has ended meanwhile is what was wanted.
func (p *Portal) endSession(v *visit) error {
	id, err := pathvalue.Get(v.r, "id", parseSession, notFound)
	if err != nil {
		return err
	}
	if err := p.Services.EndSession(v.r.Context(), v.session.Access, id); err != nil && !upstream.Is(err, "SESSION_NOT_FOUND") {
		return err
	}
	return v.redirect("/account?done=session")
}

// logoutEverywhere ends all sessions, this one last.
func (p *Portal) logoutEverywhere(v *visit) error {
	sessions, err := p.Services.Sessions(v.r.Context(), v.session.Access)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(v.r.Context())
	group.SetLimit(4)
	for _, session := range sessions {
		if session.Current {
			continue
		}
		group.Go(func() error {
			if err := p.Services.EndSession(ctx, v.session.Access, session.ID); err != nil && !upstream.Is(err, "SESSION_NOT_FOUND") {
				return err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return p.logout(v)
}
