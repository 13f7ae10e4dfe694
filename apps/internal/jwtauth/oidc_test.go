package jwtauth_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

func TestOIDCConfig(t *testing.T) {
	t.Parallel()
	byDefault := jwtauth.Roles{"Admin": {"ADMIN"}, "User": nil, "ServiceAccount": nil}
	const issuer = "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0"
	for name, c := range map[string]struct {
		environ []string
		want    jwtauth.OIDCConfig
	}{
		"off": {nil, jwtauth.OIDCConfig{Roles: byDefault}},
		"on":  {[]string{"OIDC_ISSUER=" + issuer, "OIDC_AUDIENCE=api"}, jwtauth.OIDCConfig{Issuer: issuer, Audience: "api", Roles: byDefault}},
		"all": {
			[]string{"OIDC_ISSUER=http://127.0.0.1:1/t", "OIDC_AUDIENCE=api", "OIDC_JWKS_URL=http://localhost:1/keys?appid=api", "OIDC_ROLES=Boss:ADMIN, Clerk:READ,Clerk:WRITE,Guest:"},
			jwtauth.OIDCConfig{
				Issuer: "http://127.0.0.1:1/t", Audience: "api", JWKSURL: "http://localhost:1/keys?appid=api",
				Roles: jwtauth.Roles{"Boss": {"ADMIN"}, "Clerk": {"READ", "WRITE"}, "Guest": nil},
			},
		},
	} {
		got, err := config.Load[jwtauth.OIDCConfig](c.environ)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestOIDCConfigFaults(t *testing.T) {
	t.Parallel()
	const issuer, audience = "OIDC_ISSUER=https://login.example/t", "OIDC_AUDIENCE=api"
	for name, c := range map[string]struct {
		environ []string
		want    string
	}{
		"no issuer":       {[]string{audience}, "OIDC_ISSUER"},
		"keys, no issuer": {[]string{"OIDC_JWKS_URL=https://login.example/keys"}, "OIDC_ISSUER"},
		"no audience":     {[]string{issuer}, "OIDC_AUDIENCE"},
		"http":            {[]string{"OIDC_ISSUER=http://login.example/t", audience}, "OIDC_ISSUER"},
		"no URL":          {[]string{"OIDC_ISSUER=phonebill-auth", audience}, "OIDC_ISSUER"},
		"with a query":    {[]string{"OIDC_ISSUER=https://login.example/t?x=y", audience}, "OIDC_ISSUER"},
		"with a password": {[]string{"OIDC_ISSUER=https://u:p@login.example/t", audience}, "OIDC_ISSUER"},
		"keys over http":  {[]string{issuer, audience, "OIDC_JWKS_URL=http://login.example/keys"}, "OIDC_JWKS_URL"},
		"nearly loopback": {[]string{issuer, audience, "OIDC_JWKS_URL=http://127.0.0.1.example/keys"}, "OIDC_JWKS_URL"},
		"no pair":         {[]string{issuer, audience, "OIDC_ROLES=Admin"}, "Roles"},
		"no role":         {[]string{issuer, audience, "OIDC_ROLES=:ADMIN"}, "Roles"},
		"no permission":   {[]string{issuer, audience, "OIDC_ROLES=Admin:admin"}, "Roles"},
		"two permissions": {[]string{issuer, audience, "OIDC_ROLES=Admin:ADMIN:WRITE"}, "Roles"},
		"trailing comma":  {[]string{issuer, audience, "OIDC_ROLES=Admin:ADMIN,"}, "Roles"},
	} {
		_, err := config.Load[jwtauth.OIDCConfig](c.environ)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
