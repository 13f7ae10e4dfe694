package upstream

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Permissions of accounts.
const (
	PermissionAdmin   = "ADMIN"
	PermissionInquire = "BILL_INQUIRY"
	PermissionChange  = "PRODUCT_CHANGE"
)

// UserFilter selects accounts. Empty fields select all.
type UserFilter struct {
	Query  string // prefix of user id, customer id or line number
	Status string
	Page   int
}

// Users is a page of accounts.
type Users struct {
	Users   []User
	Page    int
	Size    int
	Total   int  `json:"total_items"`
	HasNext bool `json:"has_next"`
}

// Users returns a page of accounts. For administrators.
func (c *Client) Users(ctx context.Context, token string, filter UserFilter) (Users, error) {
	path := "/api/v1/users" + parameters(map[string]string{
		"query": filter.Query, "status": filter.Status, "page": number(filter.Page),
	})
	return flat[Users](send(ctx, c.Auth, call{method: http.MethodGet, path: path, token: token}))
}

// Member returns an account. For administrators.
func (c *Client) Member(ctx context.Context, token, id string) (User, error) {
	return flat[User](send(ctx, c.Auth, call{method: http.MethodGet, path: "/api/v1/users/" + url.PathEscape(id), token: token}))
}

// Kinds of acts.
const (
	Suspend   = "suspend"
	Reinstate = "reinstate"
	Unlock    = "unlock"
	Grant     = "grant"
	Revoke    = "revoke"
)

// Act is an administrative act. A repeat has no further effect.
type Act struct {
	Kind       string
	Permission string // that is granted or revoked
}

// Perform acts on an account. For administrators.
func (c *Client) Perform(ctx context.Context, token, id string, act Act) error {
	user, permission := "/api/v1/users/"+url.PathEscape(id), "/permissions/"+url.PathEscape(act.Permission)
	request := call{method: http.MethodPost, path: user + "/" + act.Kind, token: token}
	switch act.Kind {
	case Unlock:
		request.path = "/api/v1/auth/unlock/" + url.PathEscape(id)
	case Grant:
		request.path = user + permission + "/grant"
	case Revoke:
		request.method, request.path = http.MethodDelete, user+permission
	}
	_, err := send(ctx, c.Auth, request)
	return err
}

// Event is an event of the audit trail: an administrative act or a denied access.
type Event struct {
	At      time.Time
	Actor   string
	Action  string
	Target  string
	Detail  string
	Outcome string
	Address string
	TraceID string `json:"trace_id"`
}

// EventFilter selects events of the audit trail. Empty fields select all.
type EventFilter struct {
	Actor, Target, Action, Outcome string
	From, Until                    string // first and last day, YYYY-MM-DD
	Before                         string // Next of the previous page
	Size                           int    // of the page
}

// Events is a page of the audit trail, newest first.
type Events struct {
	Events []Event
	Next   string // empty on the last page
}

// Events returns a page of the audit trail of auth-service. For administrators.
func (c *Client) Events(ctx context.Context, token string, filter EventFilter) (Events, error) {
	path := "/api/v1/auth/audit" + parameters(map[string]string{
		"actor": filter.Actor, "target": filter.Target, "action": filter.Action, "outcome": filter.Outcome,
		"startDate": filter.From, "endDate": filter.Until, "before": filter.Before, "size": number(filter.Size),
	})
	return flat[Events](send(ctx, c.Auth, call{method: http.MethodGet, path: path, token: token}))
}

// number formats a parameter; 0 is none.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// parameters returns a query without the empty values.
func parameters(values map[string]string) string {
	query := url.Values{}
	for name, value := range values {
		if value != "" {
			query.Set(name, value)
		}
	}
	return "?" + query.Encode()
}
