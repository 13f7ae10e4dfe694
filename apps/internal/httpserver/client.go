package httpserver

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks of the proxies in front of the service, whose word
// on where a request comes from counts.
type Proxies []netip.Prefix

// UnmarshalText reads networks in CIDR notation, separated by commas.
func (p *Proxies) UnmarshalText(text []byte) error {
	*p = nil
	for field := range strings.SplitSeq(string(text), ",") {
		network, err := netip.ParsePrefix(strings.TrimSpace(field))
		if err != nil {
			return err
		}
		*p = append(*p, network)
	}
	return nil
}

func (p Proxies) trust(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// client returns where a request comes from: the peer, or, as long as that is
// a trusted proxy, whoever the proxy says had sent it the request. What stands
// further left in the header anybody may have written.
func (p Proxies) client(r *http.Request) netip.Addr {
	client, _ := parseHop(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, ok := parseHop(strings.TrimSpace(hop))
		if !ok || !p.trust(client) {
			break
		}
		client = addr
	}
	return client
}

// parseHop reads an address with or without a port: some proxies add it.
func parseHop(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		var hop netip.AddrPort
		hop, err = netip.ParseAddrPort(text)
		addr = hop.Addr()
	}
	return addr.Unmap().WithZone(""), err == nil
}

type clientKey struct{}

// ClientAddr returns where the request that ctx belongs to comes from, as far
// as our own proxies know: the zero Addr outside a Server, or if the peer has
// no address.
func ClientAddr(ctx context.Context) netip.Addr {
	addr, _ := ctx.Value(clientKey{}).(netip.Addr)
	return addr
}

// noteClient makes ClientAddr known to all within.
func noteClient(proxies Proxies, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), clientKey{}, proxies.client(r))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
