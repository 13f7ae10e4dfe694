package httpapi

import (
	"net/http"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

// tokens is the answer to a login and a refresh: RFC 6749, section 5.1, and the members that the
// existing client reads in addition.
type tokens struct {
	AccessToken  string  `json:"access_token"`
	RefreshToken string  `json:"refresh_token"`
	TokenType    string  `json:"token_type"`
	ExpiresIn    int64   `json:"expires_in"` // seconds
	UserID       string  `json:"user_id"`
	CustomerID   *string `json:"customer_id"`
	LineNumber   *string `json:"line_number"`
}

func tokensOf(g identity.Grant) tokens {
	return tokens{
		AccessToken: g.Access, RefreshToken: g.Refresh,
		TokenType: "Bearer", ExpiresIn: int64(g.ExpiresIn / time.Second),
		UserID: g.User.ID, CustomerID: orNull(g.User.CustomerID), LineNumber: orNull(g.User.Line.Digits()),
	}
}

// orNull returns nil for empty text.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (a *API) login(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		UserID    string `json:"userId"`
		Password  string `json:"password"`
		AutoLogin bool   `json:"autoLogin"`
	}
	if err := httpjson.Decode(r, &in); err != nil {
		return err
	}
	grant, err := a.throttledLogin(r, identity.LoginRequest{
		UserID: in.UserID, Password: in.Password, AutoLogin: in.AutoLogin, Client: clientOf(r),
	})
	if err != nil {
		return err
	}
	return httpjson.Write(w, http.StatusOK, tokensOf(grant))
}

// throttledLogin calls the login use case within the throttle.
func (a *API) throttledLogin(r *http.Request, in identity.LoginRequest) (grant identity.Grant, err error) {
	attempt, err := a.throttle.Login(in.Client.Address, in.UserID)
	if err != nil {
		return identity.Grant{}, err
	}
	in.Begin = attempt.Begin
	defer func() { attempt.End(failed(err)) }()
	grant, err = a.sessions.Login(r.Context(), in)
	if err == nil {
		a.throttle.LoginSucceeded(in.Client.Address, in.UserID)
	}
	return grant, err
}

// refreshRequest carries the token by its OAuth 2 name or by the existing client's.
type refreshRequest struct {
	Snake string `json:"refresh_token"`
	Camel string `json:"refreshToken"`
}

// token returns the token of the request, which must contain exactly one.
func (in refreshRequest) token() (string, error) {
	switch {
	case in.Snake == "" && in.Camel == "":
		return "", fieldFault("refresh_token", "필수 입력 항목입니다.")
	case in.Snake == "":
		return in.Camel, nil
	case in.Camel == "", in.Camel == in.Snake:
		return in.Snake, nil
	}
	return "", fieldFault("refreshToken", "refresh_token과 값이 다릅니다.")
}

func (a *API) refresh(w http.ResponseWriter, r *http.Request) error {
	var in refreshRequest
	if err := httpjson.Decode(r, &in); err != nil {
		return err
	}
	token, err := in.token()
	if err != nil {
		return err
	}
	grant, err := a.sessions.Refresh(r.Context(), token)
	if err != nil {
		return err
	}
	return httpjson.Write(w, http.StatusOK, tokensOf(grant))
}

// logout ignores the body, because existing clients send one.
func (a *API) logout(w http.ResponseWriter, r *http.Request) error {
	if err := a.sessions.Logout(r.Context(), jwtauth.From(r.Context()).SessionID); err != nil {
		return err
	}
	return httpjson.Write(w, http.StatusOK, done{Success: true, Message: "로그아웃되었습니다."})
}
