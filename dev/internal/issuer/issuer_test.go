package issuer_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/issuer"
)

type written struct {
	Sentry struct {
		TLS struct {
			Root, Issuer struct {
				Certificate string `yaml:"certPEM"`
				Key         string `yaml:"keyPEM"`
			}
		}
	} `yaml:"dapr_sentry"`
}

func write(t *testing.T, folder string, now time.Time) (made written, expires time.Time) {
	t.Helper()
	var out bytes.Buffer
	expires, err := issuer.Write(&out, folder, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(out.Bytes(), &made); err != nil {
		t.Fatal(err)
	}
	return made, expires
}

// check checks what Sentry does when it reads its credentials, at a time.
func (w written) check(t *testing.T, at time.Time) *x509.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(w.Sentry.TLS.Issuer.Certificate), []byte(w.Sentry.TLS.Issuer.Key))
	if err != nil {
		t.Fatalf("certificate and key do not fit: %v", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(w.Sentry.TLS.Root.Certificate)) {
		t.Fatal("there is no root")
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Errorf("the issuer is not of the root: %v", err)
	}
	if !pair.Leaf.IsCA || pair.Leaf.KeyUsage&x509.KeyUsageCertSign == 0 {
		t.Error("the issuer may not sign")
	}
	return pair.Leaf
}

func TestIssuerIsRenewedUnderTheSameRoot(t *testing.T) {
	t.Parallel()
	folder, now := filepath.Join(t.TempDir(), "root"), time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	first, expires := write(t, folder, now)
	if want := now.AddDate(1, 0, 0); !expires.Equal(want) {
		t.Errorf("it expires at %s, want %s", expires, want)
	}
	old := first.check(t, now)
	later := now.AddDate(0, 11, 0)
	second, _ := write(t, folder, later)
	if second.Sentry.TLS.Root.Certificate != first.Sentry.TLS.Root.Certificate {
		t.Error("the root is another one")
	}
	if renewed := second.check(t, expires.AddDate(0, 1, 0)); renewed.Equal(old) || second.Sentry.TLS.Issuer.Key == first.Sentry.TLS.Issuer.Key {
		t.Error("the issuer is the same")
	}
	info, err := os.Stat(filepath.Join(folder, "root.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the root's key: %v, %v", info, err)
	}
}

func TestIssuerEndsWithItsRoot(t *testing.T) {
	t.Parallel()
	folder, now := t.TempDir(), time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	write(t, folder, now)
	ends := now.AddDate(10, 0, 0)
	if _, expires := write(t, folder, ends.AddDate(0, -1, 0)); !expires.Equal(ends) {
		t.Errorf("it expires at %s, and its root at %s", expires, ends)
	}
	if _, err := issuer.Write(new(bytes.Buffer), folder, ends); err == nil || !strings.Contains(err.Error(), "expired on 2037-03-01") {
		t.Errorf("an expired root: %v", err)
	}
}

// TestRootIsNeverReplaced: half of it is missing by mistake.
func TestRootIsNeverReplaced(t *testing.T) {
	t.Parallel()
	for _, half := range []string{"root.crt", "root.key"} {
		folder := t.TempDir()
		write(t, folder, time.Now())
		if err := os.Remove(filepath.Join(folder, half)); err != nil {
			t.Fatal(err)
		}
		if _, err := issuer.Write(new(bytes.Buffer), folder, time.Now()); err == nil || !strings.Contains(err.Error(), half) {
			t.Errorf("without %s: %v", half, err)
		}
	}
}
