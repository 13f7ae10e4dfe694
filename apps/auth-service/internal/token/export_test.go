package token

import "context"

// Refresh does what Watch does at each tick.
func (k *Keys) Refresh(ctx context.Context) { k.refresh(ctx) }
