package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/auth-service/internal/password"
	"github.com/phonebill/phonebill/apps/auth-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/auth-service/internal/seed"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/seal"
)

// Commands returns the commands of the binary, configured by environ.
func Commands(environ []string) map[string]platform.Command {
	return map[string]platform.Command{
		"serve":        platform.WithConfig(environ, func(cfg Config) platform.Command { return platform.Serve(Graph(cfg)) }),
		"migrate":      platform.Migrate(environ, postgres.Migrations()),
		"reseal":       platform.Reseal(environ, postgres.Sealed),
		"seed-demo":    platform.WithConfig(environ, seedDemo),
		"create-admin": platform.WithConfig(environ, createAdmin),
	}
}

// seedDemo adds the demo users, and as many load-test users as the flag --users gives.
func seedDemo(cfg seedConfig) platform.Command {
	return func(ctx context.Context, args []string) error {
		flags := flag.NewFlagSet("seed-demo", flag.ContinueOnError)
		users := flags.Int("users", 0, "how many users to add for load tests")
		if err := flags.Parse(args); err != nil {
			return err
		}
		return cfg.WithDatabase(func(pool *pgxpool.Pool, keyring *seal.Keyring) error {
			hasher := password.New(cfg.Password, prometheus.NewRegistry())
			out := seedOutput{out: os.Stdout, users: *users, start: time.Now(), now: time.Now}
			report, err := seed.Run(ctx, postgres.NewStore(pool, keyring, time.Now), hasher, *users, out.progress)
			return errors.Join(err, out.done(report))
		})
	}
}

// progressEvery is the interval of progress messages of a long seed.
const progressEvery = 5 * time.Second

// seedOutput prints the progress and the result of a seed.
type seedOutput struct {
	out         io.Writer
	users       int
	start, last time.Time
	now         func() time.Time
}

// progress prints the number of users added so far, at most once per progressEvery.
func (o *seedOutput) progress(done int) {
	now := o.now()
	if now.Sub(o.start) < progressEvery || now.Sub(o.last) < progressEvery || done == o.users {
		return
	}
	o.last = now
	_, _ = fmt.Fprintf(o.out, "%d of %d users for load tests after %s\n", done, o.users, now.Sub(o.start).Round(time.Second))
}

// done prints the result, also of a seed that failed part of the way.
func (o *seedOutput) done(report seed.Report) error {
	_, err := fmt.Fprintf(o.out, "demo users: %d added, %d were there already\n", report.Demo.Added, report.Demo.Present)
	if err != nil || o.users == 0 {
		return err
	}
	_, err = fmt.Fprintf(o.out, "users for load tests: %d added, %d were there already, in %s\n",
		report.Load.Added, report.Load.Present, o.now().Sub(o.start).Round(time.Millisecond))
	return err
}
