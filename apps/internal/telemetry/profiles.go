package telemetry

import (
	"errors"
	"net/http"
	"net/http/pprof"
	"net/netip"
)

// Validate implements config.Validator.
func (c *Config) Validate() error {
	if c.SampleRatio < 0 || c.SampleRatio > 1 {
		return errors.New("OTEL_TRACES_SAMPLER_ARG must be from 0 to 1")
	}
	if c.PprofAddr == "" {
		return nil
	}
	addr, err := netip.ParseAddrPort(c.PprofAddr)
	if err != nil || !addr.Addr().IsLoopback() {
		return errors.New("PPROF_ADDR must be a loopback address with a port, such as 127.0.0.1:6060: profiles contain personal data")
	}
	return nil
}

// Profiles returns the handler of the profiles of package runtime/pprof, below
// /debug/pprof/.
func Profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
