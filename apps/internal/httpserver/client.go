package httpserver

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks of the trusted proxies in front of the service: their
// X-Forwarded-For entries are trusted.
type Proxies []netip.Prefix

// UnmarshalText parses networks in CIDR notation, separated by commas.
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

// client returns the client address of a request: the right-most address of
// X-Forwarded-For plus the peer that is not a trusted proxy. Entries to its left
// may be forged.
func (p Proxies) client(r *http.Request) netip.Addr {
	client := peer(r.RemoteAddr)
	if len(r.Header["X-Forwarded-For"]) == 0 || !p.trust(client) {
		return client
	}
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

// peer parses the address of a peer, which nearly always has a port. It returns the zero
// Addr for a text that is no address.
func peer(text string) netip.Addr {
	if peer, err := netip.ParseAddrPort(text); err == nil {
		return peer.Addr().Unmap().WithZone("")
	}
	addr, _ := parseHop(text)
	return addr
}

// parseHop parses an address with or without a port, which some proxies add.
func parseHop(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		var hop netip.AddrPort
		hop, err = netip.ParseAddrPort(text)
		addr = hop.Addr()
	}
	return addr.Unmap().WithZone(""), err == nil
}

// ClientAddr returns the client address of ctx's request, as reported by trusted
// proxies. It is the zero Addr outside of a Server, or if the peer has no address.
func ClientAddr(ctx context.Context) netip.Addr {
	if seen, ok := ctx.Value(observationKey{}).(*observation); ok {
		return seen.client
	}
	return netip.Addr{}
}
