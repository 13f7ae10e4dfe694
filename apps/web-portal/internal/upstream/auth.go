package upstream

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Tokens are the tokens of a session.
type Tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	UserID  string `json:"user_id"`
}

// Login opens a session.
func (c *Client) Login(ctx context.Context, userID, password string, stay bool) (Tokens, error) {
	return flat[Tokens](send(ctx, c.Auth, call{method: http.MethodPost, path: "/api/v1/auth/login", body: map[string]any{
		"userId": userID, "password": password, "autoLogin": stay,
	}}))
}

// Refresh exchanges a refresh token for new tokens.
func (c *Client) Refresh(ctx context.Context, refreshToken string) (Tokens, error) {
	return flat[Tokens](send(ctx, c.Auth, call{method: http.MethodPost, path: "/api/v1/auth/refresh", body: map[string]string{
		"refreshToken": refreshToken,
	}}))
}

// Logout ends the session of a token.
func (c *Client) Logout(ctx context.Context, token string) error {
	_, err := send(ctx, c.Auth, call{method: http.MethodPost, path: "/api/v1/auth/logout", token: token})
	return err
}

// Registration is the request for an account.
type Registration struct {
	UserID     string `json:"userId"`
	CustomerID string `json:"customerId"`
	Line       string `json:"lineNumber"`
	Name       string `json:"userName"`
	Password   string `json:"password"`
}

// Register creates an account.
func (c *Client) Register(ctx context.Context, account Registration) error {
	_, err := send(ctx, c.Auth, call{method: http.MethodPost, path: "/api/v1/auth/register", body: account})
	return err
}

// ChangePassword changes the password and ends the other sessions.
func (c *Client) ChangePassword(ctx context.Context, token, current, next string) error {
	_, err := send(ctx, c.Auth, call{method: http.MethodPost, path: "/api/v1/auth/change-password", token: token, body: map[string]string{
		"currentPassword": current, "newPassword": next,
	}})
	return err
}

// User is an account.
type User struct {
	ID          string   `json:"user_id"`
	Name        string   `json:"user_name"`
	CustomerID  string   `json:"customer_id"`
	Line        string   `json:"line_number"`
	Status      string   `json:"account_status"`
	Permissions []string `json:"permissions"`
}

// User returns the account of a token.
func (c *Client) User(ctx context.Context, token string) (User, error) {
	return flat[User](send(ctx, c.Auth, call{method: http.MethodGet, path: "/api/v1/auth/user-info", token: token}))
}

// Session is a session of the customer.
type Session struct {
	ID        string    `json:"session_id"`
	Created   time.Time `json:"created_at"`
	LastUsed  time.Time `json:"last_used_at"`
	Ends      time.Time `json:"ends_at"`
	Address   string    `json:"address"`
	UserAgent string    `json:"user_agent"`
	Stays     bool      `json:"auto_login"`
	Current   bool      `json:"current"`
}

// Sessions returns the customer's sessions, newest first.
func (c *Client) Sessions(ctx context.Context, token string) ([]Session, error) {
	list, err := flat[struct{ Sessions []Session }](send(ctx, c.Auth, call{method: http.MethodGet, path: "/api/v1/auth/sessions", token: token}))
	return list.Sessions, err
}

// EndSession ends a session of the customer.
func (c *Client) EndSession(ctx context.Context, token, id string) error {
	_, err := send(ctx, c.Auth, call{method: http.MethodDelete, path: "/api/v1/auth/sessions/" + url.PathEscape(id), token: token})
	return err
}

// Login attempts.
const (
	LoginSucceeded = "SUCCESS"
	LoginFailed    = "FAILED"
	LoginLocked    = "LOCKED"
	LoginRefused   = "REFUSED"
)

// Login is an attempt to log in with the customer's id.
type Login struct {
	Time      time.Time `json:"time"`
	Outcome   string    `json:"outcome"`
	Address   string    `json:"address"`
	UserAgent string    `json:"user_agent"`
}

// Logins returns the newest attempts to log in.
func (c *Client) Logins(ctx context.Context, token string) ([]Login, error) {
	list, err := flat[struct{ Logins []Login }](send(ctx, c.Auth, call{method: http.MethodGet, path: "/api/v1/auth/login-history?size=10", token: token}))
	return list.Logins, err
}
