package bearer_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/bearer"
)

func TestToken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		headers []string
		token   string
		err     error
	}{
		{nil, "", bearer.ErrNone},
		{[]string{"Bearer a.b-c_d~e+f/g=="}, "a.b-c_d~e+f/g==", nil},
		{[]string{"bearer x"}, "x", nil},
		{[]string{"BEARER   x"}, "x", nil},
		{[]string{" \tBearer\t x "}, "x", nil},
		{[]string{""}, "", bearer.ErrMalformed},
		{[]string{"Bearer"}, "", bearer.ErrMalformed},
		{[]string{"Bearer "}, "", bearer.ErrMalformed},
		{[]string{"Bearerx"}, "", bearer.ErrMalformed},
		{[]string{"Basic eDp5"}, "", bearer.ErrMalformed},
		{[]string{"x"}, "", bearer.ErrMalformed},
		{[]string{"Bearer x y"}, "", bearer.ErrMalformed},
		{[]string{"Bearer x, Bearer x"}, "", bearer.ErrMalformed},
		{[]string{"Bearer a=b"}, "", bearer.ErrMalformed},
		{[]string{"Bearer 가"}, "", bearer.ErrMalformed},
		{[]string{"Bearer x\x00"}, "", bearer.ErrMalformed},
		{[]string{"Bearer x", "Bearer x"}, "", bearer.ErrMalformed},
	} {
		token, err := bearer.Token(http.Header{"Authorization": c.headers})
		if token != c.token || !errors.Is(err, c.err) {
			t.Errorf("%q: %q, %v", c.headers, token, err)
		}
	}
}

func FuzzToken(f *testing.F) {
	for _, seed := range []string{"Bearer x", "bearer\t\tx=", "Basic x", "", "Bearer x,y", "Bearer \xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, err := bearer.Token(http.Header{"Authorization": {text}})
		if (err == nil) == (token == "") || strings.ContainsAny(token, " \t,;\"\x00\n") || !strings.Contains(text, token) {
			t.Errorf("%q: got token %q, %v", text, token, err)
		}
	})
}
