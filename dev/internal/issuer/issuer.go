// Package issuer creates the certificate with which Dapr's Sentry signs those of the sidecars,
// signed by a root whose key the operator keeps. A new one under the same root replaces it without
// any restart of pods.
package issuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"
)

const (
	rootYears   = 10
	issuerYears = 1
	skew        = time.Hour // by which clocks may be behind

	trustDomain = "cluster.local"                                           // Dapr's default for its control plane
	sentry      = "spiffe://" + trustDomain + "/ns/dapr-system/dapr-sentry" // as Dapr names its own issuer
)

// values are those of Dapr's chart.
type values struct {
	Sentry struct {
		TLS struct {
			Root struct {
				Certificate string `yaml:"certPEM"`
			} `yaml:"root"`
			Issuer struct {
				Certificate string `yaml:"certPEM"`
				Key         string `yaml:"keyPEM"`
			} `yaml:"issuer"`
		} `yaml:"tls"`
	} `yaml:"dapr_sentry"`
}

// Write writes a new issuer as values of Dapr's chart and returns when it expires. The root is
// root.crt and root.key of the folder, which Write creates if both are missing.
func Write(w io.Writer, folder string, now time.Time) (expires time.Time, err error) {
	root, err := openRoot(folder, now)
	if err != nil {
		return time.Time{}, err
	}
	if !now.Before(root.Leaf.NotAfter) {
		return time.Time{}, fmt.Errorf("the root in %s expired on %s", folder, root.Leaf.NotAfter.Format(time.DateOnly))
	}
	template := authority(sentry, now, issuerYears)
	template.MaxPathLenZero = true // it signs no further authorities
	if template.NotAfter.After(root.Leaf.NotAfter) {
		template.NotAfter = root.Leaf.NotAfter
	}
	certificate, key, err := create(template, root.Leaf, root.PrivateKey)
	if err != nil {
		return time.Time{}, err
	}
	var v values
	v.Sentry.TLS.Root.Certificate = encode("CERTIFICATE", root.Certificate[0])
	v.Sentry.TLS.Issuer.Certificate, v.Sentry.TLS.Issuer.Key = certificate, key
	text, err := yaml.Marshal(v)
	if err != nil {
		return time.Time{}, err
	}
	_, err = w.Write(text)
	return template.NotAfter, err
}

// openRoot reads the root of a folder, or creates it.
func openRoot(folder string, now time.Time) (tls.Certificate, error) {
	certificateFile, keyFile := filepath.Join(folder, "root.crt"), filepath.Join(folder, "root.key")
	_, noCertificate := os.Stat(certificateFile)
	_, noKey := os.Stat(keyFile)
	if errors.Is(noCertificate, fs.ErrNotExist) && errors.Is(noKey, fs.ErrNotExist) {
		certificate, key, err := create(authority(trustDomain, now, rootYears), nil, nil)
		if err != nil {
			return tls.Certificate{}, err
		}
		err = errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(keyFile, []byte(key), 0o600), os.WriteFile(certificateFile, []byte(certificate), 0o600))
		if err != nil {
			return tls.Certificate{}, err
		}
	}
	return tls.LoadX509KeyPair(certificateFile, keyFile)
}

// authority returns the template of a certificate that signs others.
func authority(organization string, now time.Time, years int) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{Organization: []string{organization}}, NotBefore: now.Add(-skew), NotAfter: now.AddDate(years, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
	}
}

// create returns a certificate with a new key, signed by a parent or, without one, by itself.
func create(template, parent *x509.Certificate, signer any) (certificate, key string, err error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	if parent == nil {
		parent, signer = template, own
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, parent, own.Public(), signer)
	if err != nil {
		return "", "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return "", "", err
	}
	return encode("CERTIFICATE", signed), encode("PRIVATE KEY", private), nil
}

func encode(kind string, content []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
}
