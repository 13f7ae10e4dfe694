package client

import (
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// longestRetry is the longest valid Retry-After. A shorter one than a second counts as a
// second.
const longestRetry = 5 * time.Minute

var deltaPattern = regexp.MustCompile(`^[0-9]{1,9}$`)

// retryAfter returns the Retry-After of an answer, given in seconds or as a date. It returns
// false if the header is missing, unreadable, past or longer than longestRetry.
func retryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	values := header.Values("Retry-After")
	if len(values) != 1 {
		return 0, false
	}
	var wait time.Duration
	if deltaPattern.MatchString(values[0]) {
		seconds, _ := strconv.Atoi(values[0]) // nine digits
		wait = time.Duration(seconds) * time.Second
	} else {
		date, err := http.ParseTime(values[0])
		if err != nil {
			return 0, false
		}
		wait = date.Sub(now)
	}
	if wait < 0 || wait > longestRetry {
		return 0, false
	}
	return max(wait, time.Second), true
}
