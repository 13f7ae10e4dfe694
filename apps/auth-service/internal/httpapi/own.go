package httpapi

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/pathvalue"
	"github.com/phonebill/phonebill/apps/internal/query"
)

// ownSession is the JSON form of a session for its user.
type ownSession struct {
	SessionID  string    `json:"session_id"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	EndsAt     time.Time `json:"ends_at"`
	Address    *string   `json:"address"`
	UserAgent  string    `json:"user_agent"`
	AutoLogin  bool      `json:"auto_login"`
	Current    bool      `json:"current"`
}

func (a *API) ownSessions(w http.ResponseWriter, r *http.Request) error {
	type answer struct {
		Sessions []ownSession `json:"sessions"`
	}
	asking := caller(r)
	found, err := a.own.Own(r.Context(), asking)
	if err != nil {
		return err
	}
	sessions := make([]ownSession, len(found))
	for i, s := range found {
		sessions[i] = ownSession{
			SessionID: s.ID, CreatedAt: s.Origin.At.UTC(), LastUsedAt: s.UsedAt.UTC(), EndsAt: s.EndsAt.UTC(),
			Address: addressOf(s.Origin.Client.Address), UserAgent: s.Origin.Client.Agent,
			AutoLogin: s.Origin.AutoLogin, Current: s.ID == asking.SessionID,
		}
	}
	return httpjson.Write(w, http.StatusOK, answer{sessions})
}

// addressOf returns nil for an unknown address.
func addressOf(address netip.Addr) *string {
	if !address.IsValid() {
		return nil
	}
	text := address.String()
	return &text
}

func (a *API) endOwnSession(w http.ResponseWriter, r *http.Request) error {
	id, err := pathvalue.Get(r, "sessionId", identity.ParseSessionID, identity.ErrSessionNotFound)
	if err != nil {
		return err
	}
	if err := a.own.EndOwn(r.Context(), caller(r), id); err != nil {
		return err
	}
	return httpjson.Write(w, http.StatusOK, done{Success: true, Message: "해당 세션에서 로그아웃되었습니다."})
}

// login is the JSON form of an entry of the login history.
type login struct {
	Time      time.Time             `json:"time"`
	Outcome   identity.LoginOutcome `json:"outcome"`
	Address   *string               `json:"address"`
	UserAgent string                `json:"user_agent"`
}

func (a *API) logins(w http.ResponseWriter, r *http.Request) error {
	type answer struct {
		Logins []login `json:"logins"`
		Page   int     `json:"page"`
		Size   int     `json:"size"`
		Total  int     `json:"total_items"`
		Next   bool    `json:"has_next"`
	}
	reader := query.New(r)
	page := reader.Page(defaultPageSize, identity.MaxLoginDepth)
	if err := reader.Err(); err != nil {
		return err
	}
	found, err := a.own.Logins(r.Context(), caller(r), page.Number, page.Size)
	if err != nil {
		return err
	}
	logins := make([]login, len(found.Logins))
	for i, l := range found.Logins {
		logins[i] = login{Time: l.At.UTC(), Outcome: l.Outcome, Address: addressOf(l.Client.Address), UserAgent: l.Client.Agent}
	}
	return httpjson.Write(w, http.StatusOK, answer{
		Logins: logins, Page: page.Number, Size: page.Size, Total: found.Total, Next: page.HasNext(found.Total),
	})
}
