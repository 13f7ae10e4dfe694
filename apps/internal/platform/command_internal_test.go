package platform

import (
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/pg"
)

func TestMigrateOutput(t *testing.T) {
	t.Parallel()
	for want, versions := range map[string]pg.Versions{
		"database auth: migrated from version 0 to 12 in 1.5s": {Before: 0, After: 12},
		"database auth: at version 12, nothing to migrate":     {Before: 12, After: 12},
	} {
		if got := migrated("auth", versions, 1500*time.Millisecond); got != want {
			t.Errorf("%+v: %q, want %q", versions, got, want)
		}
	}
}
