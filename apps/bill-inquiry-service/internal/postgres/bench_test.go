package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// BenchmarkWriteRecords writes groups of the history in both ways. An operation is a group.
func BenchmarkWriteRecords(b *testing.B) {
	pool, keyring := pgtest.New(b, postgres.Migrations()).Pool, sealtest.Keyring(b)
	for _, size := range []int{2, 4, 8, 16, 32, 128} {
		for name, write := range map[string]func(context.Context, *pgxpool.Pool, *seal.Keyring, []bill.Record) error{
			"copy": postgres.CopyRecords, "statements": postgres.SendRecords,
		} {
			b.Run(fmt.Sprintf("%d/%s", size, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					records := make([]bill.Record, size)
					for i := range records {
						now := time.Now()
						records[i] = bill.Record{
							RequestID: uuid.Must(uuid.NewV7()).String(), UserID: "user", Customer: "CUST001", Line: "01012345678", Month: "2026-11",
							Status: bill.Completed, ResultCode: "0000", Summary: "2026-11 청구 금액 53,900원", RequestedAt: now, ProcessedAt: now,
						}
					}
					if err := write(b.Context(), pool, keyring, records); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "µs/row")
			})
		}
	}
}
