package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/auth-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// newHolder is the customer to whom KOS gave kim's line.
var newHolder = identitytest.Customer("heir01", "CUST2", kim.Line)

func TestMoveIsAudited(t *testing.T) {
	t.Parallel()
	store, _ := setup(t)
	expect.NoError(t, store.Create(t.Context(), kim))
	taken := identitytest.Customer("kim", "CUST3", kim.Line)
	if err := store.CreateHolder(t.Context(), taken); !errors.Is(err, identity.ErrUserIDTaken) {
		t.Fatal(err)
	}
	expect.NoError(t, store.CreateHolder(t.Context(), newHolder))
	events, err := store.Events(t.Context(), audit.Filter{Size: 10})
	expect.NoError(t, err)
	if len(events) != 1 { // none from the refused registration
		t.Fatalf("there are %d events: %+v", len(events), events)
	}
	got := events[0]
	if got.Action != "LINE_MOVED" || got.Target != "kim" || got.Detail != "010-****-2222" || got.Outcome != audit.Done {
		t.Errorf("the event is %+v", got)
	}
	for _, text := range []string{"heir01", "CUST2", "01011112222"} {
		if strings.Contains(fmt.Sprint(got), text) {
			t.Errorf("the event has %q: %+v", text, got)
		}
	}
}

func TestOneOfConcurrentHoldersWins(t *testing.T) {
	t.Parallel()
	store, database := setup(t)
	expect.NoError(t, store.Create(t.Context(), kim))
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			err := store.CreateHolder(t.Context(), identitytest.Customer(fmt.Sprintf("user%d", i), fmt.Sprintf("CUST-%d", i), kim.Line))
			if err != nil && !errors.Is(err, identity.ErrLineTaken) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	var holders, moves, accounts int
	expect.NoError(t, database.Pool.QueryRow(t.Context(), `
		SELECT count(*) FILTER (WHERE line_moved_at IS NULL), count(*) FILTER (WHERE line_moved_at IS NOT NULL),
		       (SELECT count(*) FROM credential) FROM app_user`).Scan(&holders, &moves, &accounts))
	if holders != 1 || moves == 0 || accounts != holders+moves {
		t.Errorf("%d holders, %d moves, %d accounts", holders, moves, accounts)
	}
}

// beforeMovedLines is the schema version before lines could move.
const beforeMovedLines = 10

// TestPreviousVersionRefusesTakenLine runs the insert of the previous version on a database with
// moved lines.
func TestPreviousVersionRefusesTakenLine(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, postgres.Migrations())
	migrator := database.Migrator(t, postgres.Migrations())
	expect.NoError(t, migrator.MigrateTo(t.Context(), beforeMovedLines))
	old := func(id, customerID string) error {
		_, err := database.Pool.Exec(t.Context(),
			"INSERT INTO app_user (user_id, customer_id, line_number) VALUES ($1, $2, $3)", id, customerID, kim.Line.Digits())
		return err
	}
	expect.NoError(t, old("kim", "CUST1"))
	expect.NoError(t, migrator.Migrate(t.Context()))
	store := postgres.NewStore(database.Pool, sealtest.Keyring(t), time.Now)
	for _, when := range []string{"before", "after"} {
		err := old("choi", "CUST3")
		if err == nil || !strings.Contains(err.Error(), "app_user_line_number_key") {
			t.Errorf("%s the move: %v", when, err)
		}
		if when == "before" {
			expect.NoError(t, store.CreateHolder(t.Context(), newHolder))
		}
	}
	if err := migrator.MigrateTo(t.Context(), beforeMovedLines); err == nil {
		t.Error("the down migration succeeded with a moved line")
	}
}
