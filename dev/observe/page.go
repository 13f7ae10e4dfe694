package observe

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"time"
)

//go:embed page
var files embed.FS

// servePage serves the status page until Stop.
func (s *Stack) servePage(ctx context.Context) error {
	assets, err := fs.Sub(files, "page")
	if err != nil {
		return err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address(PagePort))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(assets))
	mux.HandleFunc("GET /api/snapshot", func(w http.ResponseWriter, r *http.Request) {
		answer(w, s.snapshot(r.Context()), nil)
	})
	mux.HandleFunc("GET /api/traces", func(w http.ResponseWriter, _ *http.Request) {
		traces, err := readTraces(s.traceFile())
		answer(w, traces, err)
	})
	s.server = &http.Server{Handler: protect(mux), ReadHeaderTimeout: time.Second}
	go func() {
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.console.Printf("the status page has ended: %v", err)
		}
	}()
	return nil
}

func answer(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the browser has gone
}

// protect allows the page its own files only, and refuses requests for another host, by which a page
// of another site could read this one.
func protect(next http.Handler) http.Handler {
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err != nil || host != "127.0.0.1" && host != "localhost" {
			http.Error(w, "this page is at "+url(PagePort, "/"), http.StatusMisdirectedRequest)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
