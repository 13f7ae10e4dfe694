package token

import (
	"context"
	"slices"
	"time"
)

// watchEvery is how often an idle replica rereads its keys, so that it does not publish an outdated
// set.
const watchEvery = 5 * time.Second

// Watch keeps the keys up to date until ctx ends, and records the publication of new ones, so that
// a key becomes usable also when there are no logins.
func (k *Keys) Watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		k.refresh(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (k *Keys) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, watchEvery)
	defer cancel()
	set, err := k.Set(ctx)
	if err != nil {
		return // readiness reports it
	}
	if _, err := k.publishedSince(ctx, set); err != nil {
		k.Log.WarnContext(ctx, "record of new signing keys failed", "error", err)
	}
}

// sign returns the key to sign with now: the first of the set that has been published for at least
// Lead, so that all verifiers have it. If there is none, it returns the key published first, which
// verifiers are most likely to have. It returns ErrNoKey.
func (k *Keys) sign(ctx context.Context) (signer, error) {
	set, err := k.Set(ctx)
	if err != nil {
		return signer{}, err
	}
	if last, ok := k.whileUnrecorded(set); ok {
		return last, nil
	}
	since, err := k.publishedSince(ctx, set)
	if err != nil {
		return signer{}, ErrNoKey.WithCause(err)
	}
	chosen := set.publishedBefore(since, k.Now().Add(-k.Lead))
	k.setSigner(ctx, chosen)
	return chosen, nil
}

// whileUnrecorded returns the key that signed before the set changed, if the set still contains it
// and the ledger has not answered yet, so that logins do not wait for the ledger.
func (k *Keys) whileUnrecorded(set *Set) (signer, bool) {
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

// publishedBefore returns the first signer that was published at or before a time, or else the one
// published first.
func (s *Set) publishedBefore(since map[string]time.Time, before time.Time) signer {
	for _, candidate := range s.signers {
		if !since[candidate.id].After(before) {
			return candidate
		}
	}
	return slices.MinFunc(s.signers, func(a, b signer) int { return since[a.id].Compare(since[b.id]) })
}

// setSigner stores the key that signs, and logs a change.
func (k *Keys) setSigner(ctx context.Context, chosen signer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.signer.id != chosen.id {
		k.Log.InfoContext(ctx, "signing key in use", "key_id", chosen.id)
	}
	k.signer = chosen
}
