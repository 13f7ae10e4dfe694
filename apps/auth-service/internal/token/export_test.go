package token

import "context"

// Look does what Watch does at each tick.
func (k *Keys) Look(ctx context.Context) { k.look(ctx) }
