package sidecar

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// tokenHeader carries the API token from app to sidecar, and the app token from
// sidecar to app.
const tokenHeader = "dapr-api-token" //nolint:gosec // the name of a header

// ErrInternal is returned for a request that does not come from the sidecar.
var ErrInternal = problem.New(problem.Forbidden, "INTERNAL_ONLY", "내부 호출만 허용됩니다.")

// Gate rejects requests that do not come from the sidecar. Every route for other
// services or for events must use it: the ingress does not expose these routes, but
// it may be misconfigured, and pods can be reached without it.
type Gate struct{ token [sha256.Size]byte }

// NewGate returns a gate for cfg.AppToken.
func NewGate(cfg Config) *Gate {
	gate := &Gate{}
	if cfg.AppToken != "" {
		gate.token = sha256.Sum256([]byte(cfg.AppToken))
	}
	return gate
}

// Middleware answers 403 to requests without the app token. If none is configured,
// it accepts requests from the loopback address.
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
	sent := sha256.Sum256([]byte(r.Header.Get(tokenHeader)))
	return subtle.ConstantTimeCompare(sent[:], g.token[:]) == 1
}
