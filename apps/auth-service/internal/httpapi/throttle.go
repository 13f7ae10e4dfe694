package httpapi

import (
	"errors"
	"net/http"
	"net/netip"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/throttle"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// throttled lets requests through to next as begin allows, by where they come
// from. Those that costs says so of are on their account.
func throttled(begin func(netip.Addr) (throttle.Done, error), costs func(error) bool, next httpjson.Handler) httpjson.Handler {
	return func(w http.ResponseWriter, r *http.Request) (err error) {
		done, err := begin(httpserver.ClientAddr(r.Context()))
		if err != nil {
			return err
		}
		defer func() { done(costs(err)) }()
		return next(w, r)
	}
}

// all costs, however it goes.
func all(error) bool { return true }

// failed reports whether somebody could not prove what he claimed. That
// something is down, or a form wrong, is nobody's attempt at anything.
func failed(err error) bool {
	return err != nil && (problem.From(err).Kind == problem.Unauthenticated || errors.Is(err, identity.ErrCurrentPassword))
}

// clientOf returns where a request comes from.
func clientOf(r *http.Request) identity.Client {
	return identity.NewClient(httpserver.ClientAddr(r.Context()), r.UserAgent())
}
