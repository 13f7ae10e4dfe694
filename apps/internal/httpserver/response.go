package httpserver

import "net/http"

// statusCut is nginx's code for a connection that was closed without an answer.
const statusCut = 444

// response remembers what was answered.
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

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// cut closes the connection.
func (w *response) cut() {
	if !w.wrote {
		w.status = statusCut
	}
	panic(http.ErrAbortHandler)
}
