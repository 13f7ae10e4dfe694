// Package browser keeps a customer's session in cookies and protects pages and forms
// against other sites.
package browser

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/phonebill/phonebill/apps/web-portal/internal/text"
)

// Cookies reads and writes the cookies of the portal. All are HttpOnly and
// SameSite=Strict.
type Cookies struct {
	// Secure makes browsers send the cookies over TLS only.
	Secure bool
}

// The cookies. With TLS their names get a prefix that prevents other hosts from
// setting them.
const (
	accessCookie  = "access"
	refreshCookie = "refresh"
	stayCookie    = "stay" // present for a session that outlives the browser
	seedCookie    = "form" // the secret of the form token
	langCookie    = "lang"
	hostPrefix    = "__Host-"
)

// stayAge is the lifetime of a session that outlives the browser, as in auth-service.
const stayAge = 30 * 24 * time.Hour

// langAge is how long the choice of a language is remembered.
const langAge = 365 * 24 * time.Hour

// Language returns the language of the browser: the one that the customer has chosen, or the one
// that the browser prefers.
func (c Cookies) Language(r *http.Request) text.Language {
	return text.Choose(c.get(r, langCookie), r.Header.Get("Accept-Language"))
}

// SetLanguage remembers the customer's choice.
func (c Cookies) SetLanguage(w http.ResponseWriter, l text.Language) {
	c.set(w, langCookie, string(l), langAge)
}

func (c Cookies) name(name string) string {
	if c.Secure {
		return hostPrefix + name
	}
	return name
}

func (c Cookies) get(r *http.Request, name string) string {
	cookie, err := r.Cookie(c.name(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// set sets a cookie for age, or until the browser closes if age is 0. An empty value
// removes it.
func (c Cookies) set(w http.ResponseWriter, name, value string, age time.Duration) {
	maxAge := int(age / time.Second)
	if value == "" {
		maxAge = -1
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure is false only where PORTAL_ORIGIN has no TLS
		Name: c.name(name), Value: value, Path: "/", MaxAge: maxAge,
		Secure: c.Secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// FormToken returns the token that the forms of this browser carry. It sets the
// browser's secret if there is none.
func (c Cookies) FormToken(w http.ResponseWriter, r *http.Request) string {
	seed := c.get(r, seedCookie)
	if len(seed) != seedLength {
		return c.RotateFormToken(w)
	}
	return formToken(seed)
}

// RotateFormToken replaces the secret and returns the new token. A login rotates it, so
// that nothing that was set before the login is valid after it.
func (c Cookies) RotateFormToken(w http.ResponseWriter) string {
	seed := rand.Text()
	c.set(w, seedCookie, seed, 0)
	return formToken(seed)
}

// CheckForm reports whether token is that of the browser's forms.
func (c Cookies) CheckForm(r *http.Request, token string) bool {
	seed := c.get(r, seedCookie)
	return len(seed) == seedLength && hmac.Equal([]byte(formToken(seed)), []byte(token))
}

// seedLength is the length of rand.Text.
const seedLength = 26

// formToken derives the token from the secret, so that a page does not show the cookie.
func formToken(seed string) string {
	mac := hmac.New(sha256.New, []byte(seed))
	mac.Write([]byte("form token"))
	return hex.EncodeToString(mac.Sum(nil))
}

// LocalPath returns target if it is a path of this site, else fallback. A browser
// treats a backslash as a slash, and ignores control characters.
func LocalPath(target, fallback string) string {
	if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") {
		return fallback
	}
	for _, r := range target {
		if r <= ' ' || r == '\\' || r == 0x7f {
			return fallback
		}
	}
	return target
}
