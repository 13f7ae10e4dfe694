package change

// Digest returns the digest of an order, as stored with its key.
func Digest(o Order) []byte { return o.digest() }
