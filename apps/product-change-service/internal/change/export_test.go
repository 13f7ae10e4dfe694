package change

// Digest returns the digest of an order that stands beside its key.
func Digest(o Order) []byte { return o.digest() }
