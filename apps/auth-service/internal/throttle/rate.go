package throttle

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// Rate is a budget of Burst requests that refills evenly within Over. Its text form is "100/10m".
type Rate struct {
	Burst int
	Over  time.Duration
}

var errRate = errors.New(`a rate is a positive number and a duration, such as "100/10m"`)

// UnmarshalText parses the text form of a Rate.
func (r *Rate) UnmarshalText(text []byte) error {
	burst, over, _ := strings.Cut(string(text), "/")
	var err1, err2 error
	r.Burst, err1 = strconv.Atoi(burst)
	r.Over, err2 = time.ParseDuration(over)
	if err1 != nil || err2 != nil || r.Burst < 1 || r.Over <= 0 {
		return errRate
	}
	return nil
}

// limit returns the refill rate.
func (r Rate) limit() rate.Limit { return rate.Limit(float64(r.Burst) / r.Over.Seconds()) }
