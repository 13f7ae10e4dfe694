package token

import (
	"context"
	"slices"
	"time"
)

// watchEvery is how often a replica that nobody uses looks at its keys, so that
// what it publishes is no older than that of the others.
const watchEvery = 5 * time.Second

// Watch keeps the keys up to date until ctx ends, and notes new ones. A key
// ripens from then on, also while nobody logs in.
func (k *Keys) Watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		k.look(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (k *Keys) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, watchEvery)
	defer cancel()
	set, err := k.Set(ctx)
	if err != nil {
		return // readiness says so
	}
	if _, err := k.publishedSince(ctx, set); err != nil {
		k.Log.WarnContext(ctx, "new signing keys not noted yet", "error", err)
	}
}

// sign returns the key to sign with now: the first of the set that has been
// published for long enough that every verifier has it. Where none has, it is
// the one published for longest: verifiers are likeliest to have that. It
// returns ErrNoKey.
func (k *Keys) sign(ctx context.Context) (signer, error) {
	set, err := k.Set(ctx)
	if err != nil {
		return signer{}, err
	}
	if last, ok := k.whileUnnoted(set); ok {
		return last, nil
	}
	since, err := k.publishedSince(ctx, set)
	if err != nil {
		return signer{}, ErrNoKey.WithCause(err)
	}
	chosen := set.ripe(since, k.Now().Add(-k.Lead))
	k.chose(ctx, chosen)
	return chosen, nil
}

// whileUnnoted returns the key that signed before the set changed, if it is
// still there, until the ledger knows the set: nobody who logs in waits for
// that.
func (k *Keys) whileUnnoted(set *Set) (signer, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.since != nil || k.set != set {
		return signer{}, false
	}
	for _, candidate := range set.signers {
		if candidate.id == k.signer.id {
			return candidate, true
		}
	}
	return signer{}, false
}

// publishedSince asks the ledger once for each set.
func (k *Keys) publishedSince(ctx context.Context, set *Set) (map[string]time.Time, error) {
	k.mu.Lock()
	since, current := k.since, k.set == set
	k.mu.Unlock()
	if since != nil && current {
		return since, nil
	}
	since, err := k.Ledger.PublishedSince(ctx, set.ids())
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set == set {
		k.since = since
	}
	return since, nil
}

// ripe returns the first signer that was published at or before a time, or else
// the one published first.
func (s *Set) ripe(since map[string]time.Time, before time.Time) signer {
	for _, candidate := range s.signers {
		if !since[candidate.id].After(before) {
			return candidate
		}
	}
	return slices.MinFunc(s.signers, func(a, b signer) int { return since[a.id].Compare(since[b.id]) })
}

// chose notes the key that signs, and says so when it is another one.
func (k *Keys) chose(ctx context.Context, chosen signer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.signer.id != chosen.id {
		k.Log.InfoContext(ctx, "signing key in use", "key_id", chosen.id)
	}
	k.signer = chosen
}
