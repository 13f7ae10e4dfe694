package httpapi

import (
	"net/http"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/pathvalue"
)

// account is the JSON form of a user.
type account struct {
	UserID        string   `json:"user_id"`
	UserName      string   `json:"user_name"`
	CustomerID    *string  `json:"customer_id"`
	LineNumber    *string  `json:"line_number"`
	AccountStatus string   `json:"account_status"`
	Permissions   []string `json:"permissions"`
}

func accountOf(u identity.User) account {
	return account{
		UserID: u.ID, UserName: u.Name,
		CustomerID: orNull(u.CustomerID), LineNumber: orNull(u.Line.Digits()),
		AccountStatus: string(u.Status), Permissions: listOf(u.Permissions),
	}
}

// listOf returns a non-nil slice, so that an empty list is encoded as [] instead of null.
func listOf(permissions []string) []string {
	if permissions == nil {
		return []string{}
	}
	return permissions
}

func (a *API) register(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		UserID     string `json:"userId"`
		CustomerID string `json:"customerId"`
		LineNumber string `json:"lineNumber"`
		UserName   string `json:"userName"`
		Password   string `json:"password"`
		// Existing clients send permissions. They are ignored: customers do not choose them.
		Permissions []string `json:"permissions"`
	}
	if err := httpjson.Decode(r, &in); err != nil {
		return err
	}
	user, err := a.accounts.Register(r.Context(), identity.Registration{
		UserID: in.UserID, CustomerID: in.CustomerID, LineNumber: in.LineNumber,
		UserName: in.UserName, Password: in.Password,
	})
	if err != nil {
		return err
	}
	return httpjson.Write(w, http.StatusCreated, accountOf(user))
}

func (a *API) changePassword(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Current string `json:"currentPassword"`
		New     string `json:"newPassword"`
	}
	if err := httpjson.Decode(r, &in); err != nil {
		return err
	}
	if err := a.accounts.ChangePassword(r.Context(), caller(r), identity.ChangePasswordRequest(in)); err != nil {
		return err
	}
	return httpjson.Write(w, http.StatusOK, done{Success: true, Message: "비밀번호가 변경되었습니다."})
}

func (a *API) userInfo(w http.ResponseWriter, r *http.Request) error {
	return a.showUser(w, r, jwtauth.From(r.Context()).UserID)
}

func (a *API) user(w http.ResponseWriter, r *http.Request) error {
	id, err := pathvalue.Get(r, "userId", identity.ParseUserID, identity.ErrUserNotFound)
	p := jwtauth.From(r.Context())
	if id == p.UserID || !p.Has(identity.PermissionAdmin) {
		return a.showUser(w, r, id) // for an id of invalid form the answer is that for another user
	}
	if err != nil {
		return err
	}
	// An administrator who reads another user's account is subject to the checks of administration,
	// which require a session that is known to be live.
	if p.Degraded {
		return jwtauth.ErrSessionUnavailable
	}
	member, err := a.admin.User(r.Context(), id)
	if err != nil {
		return err
	}
	return httpjson.Write(w, http.StatusOK, memberOf(member))
}

func (a *API) showUser(w http.ResponseWriter, r *http.Request, id string) error {
	user, err := a.accounts.User(r.Context(), caller(r), id)
	if err != nil {
		return err
	}
	return httpjson.Write(w, http.StatusOK, accountOf(user))
}
