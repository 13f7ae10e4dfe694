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

// throttled passes requests to next as begin allows for their address. A request is charged to the
// address's budget if costs returns true for its result.
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

// all charges every request.
func all(error) bool { return true }

// failed charges failed authentication only. Outages and invalid forms are not attempts.
func failed(err error) bool {
	return err != nil && (problem.From(err).Kind == problem.Unauthenticated || errors.Is(err, identity.ErrCurrentPassword))
}

// clientOf returns the origin of a request.
func clientOf(r *http.Request) identity.Client {
	return identity.NewClient(httpserver.ClientAddr(r.Context()), r.UserAgent())
}
