package token_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/token"
)

// FuzzVerify accepts only signed tokens.
func FuzzVerify(f *testing.F) {
	s := newSettings()
	authority := token.NewAuthority(s, at(noon))
	good, err := authority.Issue("bill-inquiry-service", "secret-of-bill-00")
	if err != nil {
		f.Fatal(err)
	}
	signed := good[:strings.LastIndex(good, ".")+1]
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.RegisteredClaims{Issuer: "kos", Subject: "auth-service"}).
		SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, signed, good + "=", good + ".", unsigned, "", "..", "a.b.c", strings.ToUpper(good), `eyJhbGciOiJIUzI1NiJ9.e30.`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		client, err := authority.Verify(text)
		if err == nil && (!strings.HasPrefix(text, signed) || client != "bill-inquiry-service") {
			t.Errorf("%q was accepted as a token of %s", text, client)
		}
		if err != nil && !errors.Is(err, token.ErrDenied) {
			t.Errorf("error reveals the reason: %v", err)
		}
	})
}
