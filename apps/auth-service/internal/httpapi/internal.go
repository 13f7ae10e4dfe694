package httpapi

import (
	"bytes"
	"net/http"
	"time"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
)

// jwks serves the keys that verify tokens. Services cache them. A shared cache may do so too, for a
// part of the time between the publication of a key and its first signature.
func (a *API) jwks(w http.ResponseWriter, r *http.Request) error {
	set, err := a.keys.Set(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=60")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", set.ETag)
	// The whole set is written directly: http.ServeContent would answer an invalid range or
	// condition without the error envelope.
	for _, condition := range []string{"Range", "If-Match"} {
		r.Header.Del(condition)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(set.Public))
	return nil
}

// checkRegistration reports to another service whether a line belongs to a customer here. It
// accepts every id and line number that a client of that service can send.
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
