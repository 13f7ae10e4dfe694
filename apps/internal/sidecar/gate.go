package sidecar

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// tokenHeader carries the token of either direction: what the sidecar demands
// of us, and what it shows us.
const tokenHeader = "dapr-api-token" //nolint:gosec // the name of a header

// ErrInternal refuses a request to a route that only a sidecar may use.
var ErrInternal = problem.New(problem.Forbidden, "INTERNAL_ONLY", "내부 호출만 허용됩니다.")

// Gate keeps out whoever does not come through the sidecar. It belongs on every
// route that is for other services or for events: the ingress routes none of
// them, but an ingress may be set up wrongly, and is not the only way to a pod.
type Gate struct{ token [sha256.Size]byte }

// NewGate returns the gate of the app that cfg's sidecar belongs to.
func NewGate(cfg Config) *Gate {
	gate := &Gate{}
	if cfg.AppToken != "" {
		gate.token = sha256.Sum256([]byte(cfg.AppToken))
	}
	return gate
}

// Middleware answers 403 to requests without the token that the sidecar shows.
// Where there is no such token, the sidecar is known by being on this host.
func (g *Gate) Middleware(next http.Handler) http.Handler {
	return httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if !g.admits(r) {
			return ErrInternal
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

func (g *Gate) admits(r *http.Request) bool {
	if g.token == [sha256.Size]byte{} {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		return err == nil && peer.Addr().Unmap().IsLoopback()
	}
	shown := sha256.Sum256([]byte(r.Header.Get(tokenHeader)))
	return subtle.ConstantTimeCompare(shown[:], g.token[:]) == 1
}
