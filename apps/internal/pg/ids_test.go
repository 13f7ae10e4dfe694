package pg_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/phonebill/phonebill/apps/internal/pg"
)

func TestSpan(t *testing.T) {
	t.Parallel()
	now := time.Now()
	want := uuid.Must(uuid.NewV7()).String()
	id, from, until, ok := pg.PartitionRange(want)
	if !ok || id != want || !from.Before(now) || !until.After(now) || until.Sub(from) != 2*time.Minute {
		t.Errorf("%s, %s to %s, %t", id, from, until, ok)
	}
	for _, text := range []string{strings.ToUpper(want), "{" + want + "}", "urn:uuid:" + want, strings.ReplaceAll(want, "-", ""), "", "42", uuid.NewString(), want + "0", "00000000-0000-0000-0000-000000000000"} {
		if id, _, _, ok := pg.PartitionRange(text); ok {
			t.Errorf("%q is accepted as %s", text, id)
		}
	}
}
