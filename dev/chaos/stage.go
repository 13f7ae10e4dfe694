package chaos

import (
	"context"
	"errors"
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

const (
	startTimeout = 5 * time.Minute // with an empty data folder and nothing built
	stopTimeout  = time.Minute
	// kosURL is where KOS's stand-in answers; its admin API is not behind the
	// ingress.
	kosURL = "http://127.0.0.1:8084"
)

// stage is the real system, and what can be done to it and asked from outside.
type stage struct {
	system   *system.System
	say      func(format string, args ...any) // for people
	kos      *kos.Admin
	database database

	transport http.RoundTripper
}

// openStage starts the system with nothing in it, and with variables of its own.
func openStage(ctx context.Context, env []string, out io.Writer) (*stage, error) {
	root, err := checkout.Find(".")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s, err := system.Start(ctx, system.Options{Dir: ".", Data: "chaos", Fresh: true, Env: env, Out: out})
	if err != nil {
		return nil, err
	}
	set, err := secrets.Load(root.Secrets())
	if err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return &stage{
		system: s, say: console.New(out).Printf, kos: kos.New(kosURL, nil), database: openDatabase(set),
		transport: api.Timed(&http.Transport{MaxIdleConnsPerHost: 200}),
	}, nil
}

// close stops the system, also when ctx has ended.
func (s *stage) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return s.system.Stop(ctx)
}

// seed makes so many users and calms KOS down.
func (s *stage) seed(ctx context.Context, users int) error {
	return errors.Join(s.system.RunApp(ctx, auth, "seed-demo", "--users", strconv.Itoa(users)), s.kos.CalmDown())
}

// customer returns one of the seeded users, who has not logged in yet.
func (s *stage) customer(n int) *customer {
	return &customer{
		api: api.New(s.system.URL(), s.transport), user: userOf(n), line: lineOf(n),
		answers: map[string]int{}, done: newProgress(),
	}
}
