package httpapi

import (
	"net/http"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/pathvalue"
	"github.com/phonebill/phonebill/apps/internal/query"
)

// defaultPageSize is the number of items per page without the parameter size.
const defaultPageSize = 20

// memberOf returns the JSON form of a user for administrators. Unlike accountOf it shows a
// lock-out.
func memberOf(m identity.Member) account {
	shown := accountOf(m.User)
	shown.AccountStatus = string(m.EffectiveStatus())
	return shown
}

func (a *API) users(w http.ResponseWriter, r *http.Request) error {
	type answer struct {
		Users []account `json:"users"`
		Page  int       `json:"page"`
		Size  int       `json:"size"`
		Total int       `json:"total_items"`
		Next  bool      `json:"has_next"`
	}
	filter, err := readUserFilter(r)
	if err != nil {
		return err
	}
	page, err := a.admin.Users(r.Context(), filter)
	if err != nil {
		return err
	}
	users := make([]account, len(page.Members))
	for i, member := range page.Members {
		users[i] = memberOf(member)
	}
	return httpjson.Write(w, http.StatusOK, answer{
		Users: users, Page: filter.Page, Size: filter.Size, Total: page.Total, Next: filter.Page*filter.Size < page.Total,
	})
}

func readUserFilter(r *http.Request) (identity.UserFilter, error) {
	reader := query.New(r)
	page := reader.Page(defaultPageSize, identity.MaxListed)
	filter := identity.UserFilter{
		Query:  reader.Lookup("query"),
		Status: query.OneOf(reader, "status", identity.StatusActive, identity.StatusSuspended, identity.StatusLocked),
		Page:   page.Number, Size: page.Size,
	}
	return filter, reader.Err()
}

var errPermission = fieldFault("code", "ADMIN, BILL_INQUIRY, PRODUCT_CHANGE 중 하나여야 합니다.")

// act returns the handler of an administrative act on the user, and permission if any, in the path.
func (a *API) act(action identity.Action) httpjson.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := pathvalue.Get(r, "userId", identity.ParseUserID, identity.ErrUserNotFound)
		if err != nil {
			return err
		}
		act := identity.Act{By: caller(r), Action: action, UserID: id}
		if action == identity.ActionGrant || action == identity.ActionRevoke {
			if act.Permission, err = pathvalue.Get(r, "code", identity.ParsePermission, errPermission); err != nil {
				return err
			}
		}
		member, err := a.admin.Perform(r.Context(), act)
		if err != nil {
			return err
		}
		return httpjson.Write(w, http.StatusOK, memberOf(member))
	}
}
