package pg

import (
	"time"

	"github.com/google/uuid"
)

// clockSkew is the maximum difference between the time of an id and of its row,
// which may be taken from different clocks.
const clockSkew = time.Minute

// PartitionRange parses a canonical UUID version 7 (RFC 9562) and returns the range of times
// of its row, which selects the partition. Ok is false for any other text.
func PartitionRange(text string) (id string, from, until time.Time, ok bool) {
	parsed, err := uuid.Parse(text)
	if err != nil || parsed.Version() != 7 || parsed.String() != text {
		return "", time.Time{}, time.Time{}, false
	}
	at := time.Unix(parsed.Time().UnixTime())
	return parsed.String(), at.Add(-clockSkew), at.Add(clockSkew), true
}
