package httpapi

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/prefer"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// queuedAnswer is the state of a read that waits for KOS.
type queuedAnswer struct {
	Status           string `json:"status"`           // PROCESSING
	QueuePosition    int    `json:"queuePosition"`    // 1: next; 0: KOS is being called
	EstimatedSeconds int    `json:"estimatedSeconds"` // until KOS has probably answered
}

// readPrefer returns the preferences of a request and how long a read for it waits.
func readPrefer(r *http.Request) (prefer.Preferences, product.Wait) {
	preferences := prefer.Read(r.Header)
	return preferences, product.Wait{Limit: preferences.Wait, Async: preferences.Async}
}

// queued answers 202 if err is of a read that is queued and whose client prefers an
// asynchronous response. The location is that of the request: repeated, it is answered when
// KOS has answered. Otherwise queued returns err.
func queued(w http.ResponseWriter, r *http.Request, preferences prefer.Preferences, err error) error {
	waiting, isQueued := errors.AsType[*readthrough.QueuedError](err)
	if !isQueued || !preferences.Async {
		return err
	}
	answer := queuedAnswer{
		Status: "PROCESSING", QueuePosition: waiting.Ahead + 1, EstimatedSeconds: max(1, int(math.Ceil(waiting.Estimate.Seconds()))),
	}
	if waiting.Claimed {
		answer.QueuePosition = 0
	}
	preferences.Applied(w.Header(), longestWait, true)
	canonical := url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery} // the request may escape more than needed
	w.Header().Set("Location", canonical.RequestURI())
	w.Header().Set("Retry-After", strconv.Itoa(answer.EstimatedSeconds))
	return httpjson.Success(w, http.StatusAccepted, answer, "조회 요청이 접수되었습니다.")
}
