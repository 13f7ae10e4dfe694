package cache_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/cache"
)

// BenchmarkL1Hit measures a read from L1.
func BenchmarkL1Hit(b *testing.B) {
	load := (&source{fee: 89000}).load
	bills := cache.New[bill](cache.Options{Kind: "bill", TTL: ttl, LoadTimeout: loadTimeout},
		&memory{entries: map[string]entry{}}, nil, cache.NewMetrics(prometheus.NewRegistry()))
	ctx := b.Context()
	if _, _, err := bills.Get(ctx, key, load); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, level, _ := bills.Get(ctx, key, load); level != cache.FromL1 {
			b.Fatal(level)
		}
	}
}
