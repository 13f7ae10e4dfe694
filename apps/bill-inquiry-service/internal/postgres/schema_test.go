package postgres_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// firstArchive is an archive with a final bill of the first schema, sealed or, as the first
// release wrote it, in clear.
type firstArchive struct {
	*postgres.Archive

	asOf time.Time // of the bill
}

func newFirstArchive(t *testing.T, sealed bool, replace ...string) firstArchive {
	t.Helper()
	fixture, err := os.ReadFile("../bill/testdata/first_schema.json")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(replace...).Replace(string(fixture))
	var b bill.Bill
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	pool, keyring := pgtest.New(t, postgres.Migrations()).Pool, sealtest.Keyring(t)
	insert, document := "INSERT INTO bill_archive (line_number, billing_month, final, as_of, document) VALUES ($1, $2, $3, $4, $5)", any(text)
	if sealed {
		place := "bill_archive " + b.Line.Digits() + " " + string(b.Month)
		ciphertext, err := keyring.SealJSON(t.Context(), json.RawMessage(text), place)
		if err != nil {
			t.Fatal(err)
		}
		insert, document = strings.Replace(insert, "document", "sealed", 1), ciphertext
	}
	if _, err := pool.Exec(t.Context(), insert, b.Line.Digits(), string(b.Month), b.Final, b.AsOf, document); err != nil {
		t.Fatal(err)
	}
	return firstArchive{postgres.NewArchive(pool, keyring), b.AsOf}
}

// current returns KOS's present bill of the same month.
func (o firstArchive) current(asOf time.Time) bill.Bill {
	return bill.Bill{
		Line: line, Month: "2026-10", Final: true, AsOf: asOf.UTC(), Customer: holder,
		Charges: bill.Charges{
			Monthly: 1, Total: 1, Discounts: []bill.Discount{}, Periods: []bill.Charge{{Name: "5G", From: "20261001", To: "20261031", Amount: 1}},
		},
	}
}

func TestFirstSchemaIsReadable(t *testing.T) {
	t.Parallel()
	for name, sealed := range map[string]bool{"sealed": true, "in clear": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive := newFirstArchive(t, sealed, `"total":67750`, `"total":100750`)
			got, err := archive.Find(t.Context(), own, "2026-10")
			if err != nil || !got.Outdated || got.Charges.Total != 67_750 || got.TotalAmount() != 100_750 || len(got.Charges.Periods) != 1 {
				t.Fatalf("got %+v, %v", got, err)
			}
			// The first answer of KOS is archived for good.
			newer, newest := archive.current(archive.asOf.Add(time.Hour)), archive.current(archive.asOf.Add(2*time.Hour))
			newest.Charges.Usage = 7
			for _, b := range []bill.Bill{newer, newest} {
				if err := archive.Store(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			got, err = archive.Find(t.Context(), own, "2026-10")
			if diff := cmp.Diff(newer, got); err != nil || diff != "" {
				t.Errorf("%v, %s", err, diff)
			}
		})
	}
}

func TestFirstSchemaThatDoesNotAddUpIsRefetched(t *testing.T) {
	t.Parallel()
	archive := newFirstArchive(t, true, `"discount":22250`, `"discount":9`)
	if got, err := archive.Find(t.Context(), own, "2026-10"); !errors.Is(err, bill.ErrNotArchived) {
		t.Errorf("got %+v, %v", got, err)
	}
	b := archive.current(archive.asOf.Add(time.Hour))
	if err := archive.Store(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got, err := archive.Find(t.Context(), own, "2026-10"); err != nil || got.Outdated {
		t.Errorf("got %+v, %v", got, err)
	}
}
