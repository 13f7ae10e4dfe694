package app

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/password"
	"github.com/phonebill/phonebill/apps/auth-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/seal"
)

// createAdmin creates an administrator. The password is read from the standard input, or generated
// and printed once; there is no default password.
func createAdmin(cfg seedConfig) platform.Command {
	return func(ctx context.Context, args []string) error {
		flags := flag.NewFlagSet("create-admin", flag.ContinueOnError)
		userID := flags.String("user-id", "", "id of the new administrator")
		given := flags.Bool("password-stdin", false, "read the password from the standard input instead of generating one")
		if err := flags.Parse(args); err != nil {
			return err
		}
		secret := rand.Text() // at least 128 bits
		if *given {
			var err error
			if secret, err = readPassword(os.Stdin); err != nil {
				return err
			}
		}
		if err := bootstrapAdministrator(ctx, cfg, identity.LoginRequest{UserID: *userID, Password: secret}); err != nil {
			return err
		}
		message := fmt.Sprintf("administrator %s created\n", *userID)
		if !*given {
			message += fmt.Sprintf("password, shown only once: %s\n", secret)
		}
		_, err := io.WriteString(os.Stdout, message)
		return err
	}
}

func bootstrapAdministrator(ctx context.Context, cfg seedConfig, in identity.LoginRequest) error {
	return cfg.WithDatabase(func(pool *pgxpool.Pool, keyring *seal.Keyring) error {
		hasher := password.New(cfg.Password, prometheus.NewRegistry())
		return identity.BootstrapAdministrator(ctx, postgres.NewStore(pool, keyring, time.Now), hasher, in, time.Now())
	})
}

// readPassword returns the first line of r.
func readPassword(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 1024)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
