package resources

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// kosServer is the target of an environment's HTTPEndpoints. It answers clients with its
// certificate, and reports what it saw.
type kosServer struct {
	*httptest.Server

	mu      sync.Mutex
	asked   map[string]int              // by path
	trouble map[string]http.HandlerFunc // by path: overriding handler

	// clientCertificate is the key and the certificate of its client, in the order of Key Vault.
	clientCertificate string
}

// newKOSServer starts a server and writes its CA to a file.
func newKOSServer(t *testing.T, authorities string) *kosServer {
	t.Helper()
	authority := newIdentity(t, nil, "authority")
	if err := os.WriteFile(authorities, authority.certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(authority.parsed)
	served := newIdentity(t, &authority, "kos")
	certificate, err := tls.X509KeyPair(served.certificate, served.key)
	if err != nil {
		t.Fatal(err)
	}
	stand := &kosServer{asked: make(map[string]int), trouble: make(map[string]http.HandlerFunc)}
	server := httptest.NewUnstartedServer(stand)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: trusted, ClientAuth: tls.RequireAndVerifyClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshake errors are expected
	server.StartTLS()
	t.Cleanup(server.Close)
	client := newIdentity(t, &authority, "phonebill")
	stand.Server, stand.clientCertificate = server, string(client.key)+string(client.certificate)
	return stand
}

// ServeHTTP implements http.Handler.
func (s *kosServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked[r.URL.Path]++
	trouble := s.trouble[r.URL.Path]
	s.mu.Unlock()
	if trouble != nil {
		trouble(w, r)
		return
	}
	_, _ = fmt.Fprintf(w, "%s by %s over %s", r.URL.Path, r.TLS.PeerCertificates[0].Subject.CommonName, r.Proto)
}

// fail sets the handler of a path.
func (s *kosServer) fail(path string, trouble http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble[path] = trouble
}

// calls returns and resets the number of calls of a path.
func (s *kosServer) calls(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer delete(s.asked, path)
	return s.asked[path]
}

// identity is a key with its certificate, as PEM.
type identity struct {
	key, certificate []byte
	private          *ecdsa.PrivateKey
	parsed           *x509.Certificate
}

// newIdentity returns an identity signed by another one, or by itself.
func newIdentity(t *testing.T, by *identity, name string) identity {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: by == nil,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, private
	if by != nil {
		parent, signer = by.parsed, by.private
	}
	content, err := x509.CreateCertificate(rand.Reader, template, parent, private.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(content)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return identity{
		private: private, parsed: parsed,
		key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: content}),
	}
}

// askKOS calls an endpoint of KOS as a service does.
func (s sidecar) askKOS(t *testing.T, operation string) (int, string) {
	t.Helper()
	method, path, _ := strings.Cut(operation, " ")
	url := fmt.Sprintf("http://127.0.0.1:%d%s", s.http, path)
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("dapr-app-id", kos+path[strings.LastIndex(path, "/")+1:])
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// checkKOS expects that the app reaches all endpoints that it calls, by their production names,
// over HTTP/2 and with the client certificate.
func (s sidecar) checkKOS(t *testing.T, environment, app string) {
	t.Helper()
	if environment != "azure" {
		return
	}
	for _, operation := range calls[mock][app] {
		_, path, _ := strings.Cut(operation, " ")
		want := path + " by phonebill over HTTP/2.0"
		if status, body := s.askKOS(t, operation); status != http.StatusOK || body != want {
			t.Errorf("KOS answers %d %q, want %q", status, body, want)
		}
	}
	if response, err := s.kos.Client().Get(s.kos.URL); err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		t.Error("KOS accepts clients without a certificate")
	}
}
