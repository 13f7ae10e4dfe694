package queue

import "time"

// RememberFull makes q remember for an hour that the class of a request was full.
func (q *Queue) RememberFull(r Request) {
	q.full.mu.Lock()
	defer q.full.mu.Unlock()
	q.full.until[fullKey{r.Endpoint, r.Class}] = time.Now().Add(time.Hour)
}
