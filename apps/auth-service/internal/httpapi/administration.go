package httpapi

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// defaultPageSize is how many items a page has unless asked otherwise.
const defaultPageSize = 20

// memberOf is a user as an administrator sees one: with a lock that users are
// not told of.
func memberOf(m identity.Member) account {
	shown := accountOf(m.User)
	shown.AccountStatus = string(m.Standing())
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
	filter, err := readUserFilter(r.URL.Query())
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

func readUserFilter(query url.Values) (identity.UserFilter, error) {
	faults := map[string]string{}
	filter := identity.UserFilter{
		Query:  query.Get("query"),
		Status: identity.Status(query.Get("status")),
		Page:   number(query, "page", 1, faults),
		Size:   number(query, "size", defaultPageSize, faults),
	}
	if len(faults) > 0 {
		return filter, problem.ErrValidation.WithFields(faults)
	}
	return filter, nil
}

// number returns a whole number. Which ones are allowed is for the use case to
// say.
func number(query url.Values, name string, fallback int, faults map[string]string) int {
	text := query.Get(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		faults[name] = "숫자여야 합니다."
	}
	return n
}

// act returns a handler of an administrative act about the user in the path,
// and the permission if there is one.
func (a *API) act(action identity.Action) httpjson.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		vars := mux.Vars(r)
		member, err := a.admin.Perform(r.Context(), identity.Act{
			By: caller(r), Action: action, UserID: vars["userId"], Permission: vars["code"],
		})
		if err != nil {
			return err
		}
		return httpjson.Write(w, http.StatusOK, memberOf(member))
	}
}
