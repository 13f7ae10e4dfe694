package httpapi

import (
	"context"
	"net/http"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/token"
)

// credentials is a request for an access token.
type credentials struct {
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`

	token string // set once granted
}

func newCredentials() kosRequest { return &credentials{} }

func (q *credentials) read(r *http.Request) error {
	switch err := httpjson.Decode(r, q); {
	case err != nil:
		return err
	case q.ClientID == "":
		return badInput("clientId")
	case q.ClientSecret == "":
		return badInput("clientSecret")
	}
	return nil
}

// client returns no error for credentials that could not be parsed, because that is invalid input.
func (q *credentials) client(_ *http.Request, authority token.Authority) (string, error) {
	if q.ClientID == "" || q.ClientSecret == "" {
		return behavior.Anonymous, nil
	}
	granted, err := authority.Issue(q.ClientID, q.ClientSecret)
	if err != nil {
		return "", err
	}
	q.token = granted
	return q.ClientID, nil
}

func (*credentials) subject() (requestID string, line msisdn.Number) { return "", "" }

type grant struct {
	AccessToken string `json:"accessToken"`
	TokenType   string `json:"tokenType"`
	ExpiresIn   int    `json:"expiresIn"` // seconds
}

func (q *credentials) answer(_ context.Context, env answerEnv) (any, error) {
	return grant{AccessToken: q.token, TokenType: "Bearer", ExpiresIn: env.settings.Token.TTLSeconds}, nil
}
