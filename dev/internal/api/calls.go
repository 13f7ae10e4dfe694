package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Register creates an account.
func (c *Client) Register(form Registration) Answer[User] {
	return flat[User](c, Request{Method: http.MethodPost, Path: "/api/v1/auth/register", Body: form})
}

// Login opens a session. On success, the client uses its tokens.
func (c *Client) Login(userID, password string) Answer[Tokens] {
	form := map[string]string{"userId": userID, "password": password}
	return c.keep(flat[Tokens](c, Request{Method: http.MethodPost, Path: "/api/v1/auth/login", Body: form}))
}

// Refresh exchanges a refresh token. On success, the client uses the new pair.
func (c *Client) Refresh(refreshToken string) Answer[Tokens] {
	form := map[string]string{"refresh_token": refreshToken}
	return c.keep(flat[Tokens](c, Request{Method: http.MethodPost, Path: "/api/v1/auth/refresh", Body: form}))
}

// keep stores the tokens of a successful answer in the client, and returns the answer.
func (c *Client) keep(answer Answer[Tokens]) Answer[Tokens] {
	if answer.Succeeded() {
		c.Tokens = answer.Data
	}
	return answer
}

// Logout ends the session.
func (c *Client) Logout() Answer[json.RawMessage] {
	return c.Send(Request{Method: http.MethodPost, Path: "/api/v1/auth/logout"})
}

// ChangePassword changes the password and ends the user's other sessions.
func (c *Client) ChangePassword(current, next string) Answer[json.RawMessage] {
	form := map[string]string{"currentPassword": current, "newPassword": next}
	return c.Send(Request{Method: http.MethodPost, Path: "/api/v1/auth/change-password", Body: form})
}

// Verify asks the auth service whether the session is live.
func (c *Client) Verify() Answer[User] {
	return flat[User](c, Request{Method: http.MethodGet, Path: "/api/v1/auth/verify"})
}

// UserInfo returns the user's account.
func (c *Client) UserInfo() Answer[User] {
	return flat[User](c, Request{Method: http.MethodGet, Path: "/api/v1/auth/user-info"})
}

// User returns an account by its id.
func (c *Client) User(id string) Answer[User] {
	return flat[User](c, Request{Method: http.MethodGet, Path: "/api/v1/users/" + url.PathEscape(id)})
}

// Permission asks whether the user may use a service.
func (c *Client) Permission(service string) Answer[struct {
	Has bool `json:"has_permission"`
}] {
	return flat[struct {
		Has bool `json:"has_permission"`
	}](c, Request{Method: http.MethodPost, Path: "/api/v1/auth/permissions/check", Body: map[string]string{"serviceType": service}})
}

// Seoul is the time zone of billing months.
var Seoul = time.FixedZone("KST", 9*60*60)

// Month returns the month n months ago, as YYYY-MM.
func Month(n int) string {
	now := time.Now().In(Seoul)
	return time.Date(now.Year(), now.Month()-time.Month(n), 1, 0, 0, 0, 0, Seoul).Format("2006-01")
}

// Menu returns the lines and months that can be inquired.
func (c *Client) Menu() Answer[Menu] {
	return enveloped[Menu](c, Request{Method: http.MethodGet, Path: "/api/v1/bills/menu"})
}

// Inquire requests a bill; an empty month means the current one.
func (c *Client) Inquire(line, month string) Answer[Inquiry] {
	return enveloped[Inquiry](c, inquiry(line, month))
}

// InquireAsync requests a bill with Prefer: respond-async. The status is 202 while the inquiry is
// in progress; 200 is the answer of Inquire, with request id and bill in the data.
func (c *Client) InquireAsync(line, month string) Answer[Result] {
	request := inquiry(line, month)
	request.Header = map[string]string{"Prefer": "respond-async"}
	return enveloped[Result](c, request)
}

func inquiry(line, month string) Request {
	form := map[string]string{"lineNumber": line}
	if month != "" {
		form["inquiryMonth"] = month
	}
	return Request{Method: http.MethodPost, Path: "/api/v1/bills/inquiry", Body: form}
}

// Result returns the state of an inquiry.
func (c *Client) Result(requestID string) Answer[Result] {
	return enveloped[Result](c, Request{Method: http.MethodGet, Path: "/api/v1/bills/inquiry/" + url.PathEscape(requestID)})
}

// History returns a page of the user's inquiries. query is a URL query.
func (c *Client) History(query string) Answer[History] {
	return enveloped[History](c, Request{Method: http.MethodGet, Path: "/api/v1/bills/history?" + query})
}

// MakeMockData makes the KOS mock give a new line a plan and bills.
func (c *Client) MakeMockData(customerID, line string) Answer[MockData] {
	form := map[string]string{"customerId": customerID, "lineNumber": line}
	return enveloped[MockData](c, Request{Method: http.MethodPost, Path: "/api/v1/kos/mock-datas", Body: form})
}
