package pg

import (
	"time"

	"github.com/google/uuid"
)

// clockSkew is how far an id's time may be from its row's: they are taken one
// after the other.
const clockSkew = time.Minute

// Span returns a canonical UUID version 7 (RFC 9562), and the times between which
// its row was made, which tell the partition to look into. Text that is no such
// id is not ok, and neither is another form of one.
func Span(text string) (id string, from, until time.Time, ok bool) {
	parsed, err := uuid.Parse(text)
	if err != nil || parsed.Version() != 7 || parsed.String() != text {
		return "", time.Time{}, time.Time{}, false
	}
	at := time.Unix(parsed.Time().UnixTime())
	return parsed.String(), at.Add(-clockSkew), at.Add(clockSkew), true
}
