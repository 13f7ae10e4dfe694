package httpapi

import (
	"bytes"
	"net/http"
	"time"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
)

// jwks publishes the keys that verify tokens. The services that fetch them keep
// them; a shared cache may too, for a part of the time that a new key is
// published before it signs.
func (a *API) jwks(w http.ResponseWriter, r *http.Request) error {
	set, err := a.keys.Set(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=60")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", set.ETag)
	// The set is served whole and as it is. ServeContent would refuse a bad range or
	// condition without the envelope of failures.
	for _, condition := range []string{"Range", "If-Match"} {
		r.Header.Del(condition)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(set.Public))
	return nil
}

// checkRegistration tells another service whether a line belongs to a customer
// here. It refuses nothing that the service's own clients can say.
func (a *API) checkRegistration(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		CustomerID string `json:"customerId"`
		LineNumber string `json:"lineNumber"`
	}
	if err := httpjson.Decode(r, &in); err != nil {
		return err
	}
	registered, err := a.accounts.Registered(r.Context(), in.CustomerID, in.LineNumber)
	if err != nil {
		return err
	}
	return httpjson.Write(w, http.StatusOK, struct {
		Registered bool `json:"registered"`
	}{registered})
}
