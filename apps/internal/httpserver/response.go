package httpserver

import "net/http"

// statusNoResponse is nginx's status for a connection closed without a response.
const statusNoResponse = 444

// response records status and size of a response.
type response struct {
	http.ResponseWriter
	status int
	bytes  int64
	wrote  bool
}

func (w *response) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(body []byte) (int, error) {
	w.wrote = true
	n, err := w.ResponseWriter.Write(body)
	w.bytes += int64(n)
	return n, err
}

// Unwrap supports http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// abort closes the connection by a panic that net/http recovers.
func (w *response) abort() {
	if !w.wrote {
		w.status = statusNoResponse
	}
	panic(http.ErrAbortHandler)
}
