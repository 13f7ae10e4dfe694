package jwtauth

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// OIDCConfig configures the issuer of operators' tokens, a tenant of Microsoft
// Entra ID. Without an issuer, operators are not accepted.
type OIDCConfig struct {
	Issuer   string `env:"OIDC_ISSUER"`
	Audience string `env:"OIDC_AUDIENCE"`
	// JWKSURL is the URL of the issuer's keys; default by discovery.
	JWKSURL string `env:"OIDC_JWKS_URL"`
	// Roles are the known app roles and their permissions.
	Roles Roles `env:"OIDC_ROLES" envDefault:"Admin:ADMIN,User:,ServiceAccount:"`
}

// Validate implements config.Validator. It rejects incomplete configurations and
// URLs that are not https.
func (c *OIDCConfig) Validate() error {
	if c.Issuer == "" {
		if c.Audience != "" || c.JWKSURL != "" {
			return errors.New("OIDC_AUDIENCE and OIDC_JWKS_URL require OIDC_ISSUER")
		}
		return nil
	}
	var faults []error
	if err := checkURL(c.Issuer); err != nil {
		faults = append(faults, fmt.Errorf("OIDC_ISSUER %w", err))
	}
	if strings.Contains(c.Issuer, "?") {
		faults = append(faults, errors.New("OIDC_ISSUER must have no query"))
	}
	if c.Audience == "" {
		faults = append(faults, errors.New("OIDC_AUDIENCE must not be empty with OIDC_ISSUER"))
	}
	if c.JWKSURL != "" {
		if err := checkURL(c.JWKSURL); err != nil {
			faults = append(faults, fmt.Errorf("OIDC_JWKS_URL %w", err))
		}
	}
	if len(c.Roles) == 0 {
		faults = append(faults, errors.New("OIDC_ROLES must name a role with OIDC_ISSUER"))
	}
	return errors.Join(faults...)
}

// checkURL returns an error if address is not an https URL with a host. Loopback
// addresses may use http.
func checkURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("must be a URL with a host and without user and fragment")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return errors.New("must begin with https")
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// Roles maps app roles to their permissions. Its text is "Admin:ADMIN,User:"; a
// role with several permissions appears several times.
type Roles map[string][]string

var permissionPattern = regexp.MustCompile(`^[A-Z][A-Z_]*$`)

// UnmarshalText parses the text of Roles.
func (r *Roles) UnmarshalText(text []byte) error {
	roles := Roles{}
	for pair := range strings.SplitSeq(string(text), ",") {
		role, permission, ok := strings.Cut(strings.TrimSpace(pair), ":")
		if !ok || role == "" || permission != "" && !permissionPattern.MatchString(permission) {
			return errors.New(`roles are pairs of an app role and a permission or nothing, such as "Admin:ADMIN,User:"`)
		}
		given := roles[role]
		if permission != "" {
			given = append(given, permission)
		}
		roles[role] = given
	}
	*r = roles
	return nil
}

// permissions returns the permissions of the roles in has, and whether any of them
// is known.
func (r Roles) permissions(has []string) (permissions []string, known bool) {
	for _, role := range has {
		given, ok := r[role]
		permissions, known = append(permissions, given...), known || ok
	}
	slices.Sort(permissions)
	return slices.Compact(permissions), known
}
