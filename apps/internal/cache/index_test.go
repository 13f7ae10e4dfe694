package cache_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/cache"
)

func TestIndexReturnsTheKeysInUse(t *testing.T) {
	t.Parallel()
	index := cache.NewIndex()
	var users sync.WaitGroup
	for range 20 {
		users.Go(func() { index.Use("line", "one") })
	}
	users.Wait()
	index.Use("line", "two")
	index.Use("other", "three")
	if diff := cmp.Diff([]string{"one", "two"}, index.Keys("line")); diff != "" {
		t.Error(diff)
	}
	if keys := index.Keys("unknown"); len(keys) != 0 {
		t.Errorf("got %v", keys)
	}
}
