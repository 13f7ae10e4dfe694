// Package stage is the common set-up of fault tests: the real system with its own data, seeded
// users and the admin API of KOS.
package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/system"
)

// Role names of the apps.
const (
	Auth     system.Role = "auth-service"
	Bills    system.Role = "bill-inquiry-service"
	Products system.Role = "product-change-service"
	KOSMock  system.Role = "kos-mock-service"
)

// Password is the password of the seeded users.
const Password = "PhoneBill1!"

const (
	startTimeout = 5 * time.Minute // with an empty data folder and without build cache
	stopTimeout  = time.Minute
	// kosURL is the mock's URL, because the ingress does not route its admin API.
	kosURL = "http://127.0.0.1:8084"
)

// Stage is the real system with access to its parts.
type Stage struct {
	System  *system.System
	KOS     *kos.Admin
	Secrets secrets.Set

	console   *console.Console
	transport http.RoundTripper
}

// Open starts an empty system with its data below .local/<data> and additional environment
// variables.
func Open(ctx context.Context, data string, env []string, out io.Writer) (*Stage, error) {
	root, err := checkout.Find(".")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s, err := system.Start(ctx, system.Options{Dir: ".", Data: data, Fresh: true, Env: env, Out: out})
	if err != nil {
		return nil, err
	}
	set, err := secrets.Load(root.Secrets())
	if err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return &Stage{
		System: s, KOS: kos.New(kosURL, nil), Secrets: set, console: console.New(out),
		transport: api.Timed(&http.Transport{MaxIdleConnsPerHost: 200}),
	}, nil
}

// Close stops the system, also after ctx has ended.
func (s *Stage) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return s.System.Stop(ctx)
}

// Say prints progress.
func (s *Stage) Say(format string, args ...any) { s.console.Printf(format, args...) }

// Seed creates users and makes KOS behave normally.
func (s *Stage) Seed(ctx context.Context, users int) error {
	return errors.Join(s.System.RunApp(ctx, Auth, "seed-demo", "--users", strconv.Itoa(users)), s.KOS.CalmDown())
}

// Client returns a client of the public API that has not logged in.
func (s *Stage) Client() *api.Client { return api.New(s.System.URL(), s.transport) }

// User returns the id of the nth seeded user, from 0.
func User(n int) string { return fmt.Sprintf("loaduser%07d", n+1) }

// Line returns the line of the nth seeded user.
func Line(n int) string { return fmt.Sprintf("0103%07d", n+1) }
