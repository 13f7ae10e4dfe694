package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/stage"
)

// Calls of KOS's catalogue, which are no steps of a customer.
const (
	KOSDirect   Step = "KOS directly"
	KOSSidecars Step = "KOS through two sidecars"
)

// Paths compares inquiries of the same users through the ingress and straight at the service, and
// calls of KOS through two sidecars and without them.
func Paths(users, turns int, lasts time.Duration) Scenario {
	s := Scenario{
		Name: "paths", Description: "Users act without pauses, on two paths in turn.",
		Users: users, Env: slices.Concat(ample, cheapLogins, quiet), WarmUp: warmUp, Bounds: Bounds{NoRefusals: true},
	}
	inquiry := []Act{{Inquiry, 1}}
	for range turns {
		s.Rounds = append(s.Rounds,
			Round{Name: "inquiry, service", Visit: inquiry, For: lasts, Direct: true},
			Round{Name: "inquiry, ingress", Visit: inquiry, For: lasts})
	}
	for range turns {
		for _, step := range []Step{KOSDirect, KOSSidecars} {
			s.Rounds = append(s.Rounds, Round{Name: string(step), Visit: []Act{{step, 1}}, Users: min(users, 8), For: lasts, before: authorizeKOS})
		}
	}
	return s
}

// authorizeKOS gets a token of KOS for the calls of the users, and makes KOS answer at once.
func authorizeKOS(_ context.Context, r *run) error {
	if err := errors.Join(r.KOS.Behave(kos.Products, kos.Behavior{}), r.KOS.Behave(kos.Auth, kos.Behavior{})); err != nil {
		return err
	}
	credentials := json.RawMessage(r.Secrets["kos-api-credentials-bill-inquiry"])
	client := api.New(r.System.AppURL(stage.KOSMock), r.users[0].transport)
	answer := client.Send(api.Request{Method: http.MethodPost, Path: "/api/kos/auth", Body: credentials})
	var grant struct {
		Data struct{ AccessToken string }
	}
	if err := json.Unmarshal(answer.Body, &grant); err != nil || grant.Data.AccessToken == "" {
		return fmt.Errorf("token of KOS: %s, %w", answer, err)
	}
	header := map[string]string{"Authorization": "Bearer " + grant.Data.AccessToken, "dapr-api-token": r.System.SidecarToken()}
	for _, u := range r.users {
		u.calls = map[Step]api.Request{
			KOSDirect:   {Method: http.MethodGet, Path: "/api/kos/products", Header: header},
			KOSSidecars: {Method: http.MethodGet, Path: "/v1.0/invoke/kos-mock-service/method/api/kos/products", Header: header},
		}
	}
	return nil
}
