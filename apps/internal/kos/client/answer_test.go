package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// line is the data of an answer.
type line struct {
	Number   string  `json:"number"`
	Won      int64   `json:"won"`
	TermEnd  *string `json:"termEnd"`
	Contract struct {
		Since string `json:"since"`
	} `json:"contract"`
	Parts []part `json:"parts"`
}

type part struct {
	Won int64 `json:"won"`
}

func (l *line) Check() error {
	if l.Number != "01012345678" {
		return kosclient.NewAnswerError(kosclient.Mismatch, "another line")
	}
	return nil
}

const goodLine = `{"number":"01012345678","won":1,"contract":{"since":"2025-01-01"},"parts":[{"won":1}],"new":{"member":1}}`

func good(data string) string {
	return `{"success":true,"resultCode":"0000","resultMessage":"정상","data":` + data + `,"traceId":"x"}`
}

// secretText is a text that no log and no error may contain.
const secretText = "홍길동"

// wrongAnswers are faulty answers by kind.
var wrongAnswers = map[kosclient.Kind]map[string]http.HandlerFunc{
	kosclient.Status: {
		"400": status(http.StatusBadRequest), "404": status(http.StatusNotFound), "204": status(http.StatusNoContent),
		"206": status(http.StatusPartialContent), "redirect": status(http.StatusFound, "Location", "http://kos/elsewhere"),
	},
	kosclient.MediaType: {
		"none": typed("", good(goodLine)), "html": typed("text/html", "<p>"+secretText), "text": typed("text/plain", good(goodLine)),
		"euc-kr": typed("application/json; charset=euc-kr", good(goodLine)), "broken": typed("application/json; =", good(goodLine)),
		"encoded": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			answer(good(goodLine))(w, r)
		},
	},
	kosclient.Size: {
		"value":   answer(good(`"` + strings.Repeat("x", 1<<20) + `"`)),
		"padding": answer(good(goodLine) + strings.Repeat(" ", 1<<20)),
	},
	kosclient.Syntax: {
		"empty": answer(""), "html": answer("<html>" + secretText), "cut off": answer(good(goodLine)[:60]),
		"two values": answer(good(goodLine) + "{}"), "invalid UTF-8": answer(good("\"\xff\"")),
		"lone surrogate": answer(good(`"\ud800"`)), "code twice": answer(`{"resultCode":"1001",` + good(goodLine)[1:]),
		"member twice":                answer(good(`{"won":2,` + goodLine[1:])),
		"unknown member twice":        answer(good(`{"` + secretText + `":2,"` + secretText + `":2,` + goodLine[1:])),
		"twice in an unknown member":  answer(good(`{"x":{"a":1,"a":1},` + goodLine[1:])),
		"twice by an escape":          answer(good(`{"\u0077on":2,` + goodLine[1:])),
		"no JSON, as once was agreed": answer(`{'success':true}`),
	},
	kosclient.Shape: {
		"null": answer("null"), "array": answer("[]"), "no success": answer(`{"resultCode":"0000","resultMessage":"","data":{}}`),
		"no code": answer(`{"success":true,"resultMessage":"","data":{}}`), "no message": answer(`{"success":true,"resultCode":"0000","data":{}}`),
		"code is a number": answer(`{"success":true,"resultCode":0,"resultMessage":"","data":{}}`),
		"success is text":  answer(`{"success":"true","resultCode":"0000","resultMessage":"","data":{}}`),
		"no data":          answer(`{"success":true,"resultCode":"0000","resultMessage":""}`),
		"data is null":     answer(good("null")), "data is text": answer(good(`"` + secretText + `"`)), "data is an array": answer(good("[]")),
		"missing": answer(good(strings.Replace(goodLine, `"won":1,`, "", 1))), "null member": answer(good(strings.Replace(goodLine, `"won":1,`, `"won":null,`, 1))),
		"other case": answer(good(strings.Replace(goodLine, `"number"`, `"Number"`, 1))), "text for won": answer(good(strings.Replace(goodLine, `"won":1,`, `"won":"1",`, 1))),
		"fraction": answer(good(strings.Replace(goodLine, `"won":1,`, `"won":1.5,`, 1))), "overflow": answer(good(strings.Replace(goodLine, `"won":1,`, `"won":9223372036854775808,`, 1))),
		"missing inside": answer(good(strings.Replace(goodLine, `"since"`, `"x"`, 1))), "missing in a list": answer(good(strings.Replace(goodLine, `[{"won":1}]`, `[{"won":1},{}]`, 1))),
		"null in a list": answer(good(strings.Replace(goodLine, `[{"won":1}]`, `[null]`, 1))), "null list": answer(good(strings.Replace(goodLine, `[{"won":1}]`, `null`, 1))),
	},
	kosclient.Value: {
		"code of letters": answer(strings.Replace(good(goodLine), "0000", "OKAY", 1)), "long code": answer(strings.Replace(good(goodLine), "0000", "00000", 1)),
		"success, yet refused": answer(strings.Replace(good(goodLine), "0000", "1001", 1)), "done, yet no success": answer(strings.Replace(good(goodLine), "true", "false", 1)),
	},
	kosclient.Mismatch: {"another line": answer(good(strings.Replace(goodLine, "01012345678", "01087654321", 1)))},
}

func typed(mediaType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		_, _ = io.WriteString(w, body)
	}
}

// read makes a call and decodes its data.
func read(ctx context.Context, client *kosclient.Client) error {
	got, err := ask(ctx, client)
	if err != nil {
		return err
	}
	return got.Read(ctx, &line{})
}

func TestFaultyAnswersAreFaultsOfTheirKind(t *testing.T) {
	t.Parallel()
	for kind, answers := range wrongAnswers {
		for name, call := range answers {
			t.Run(string(kind)+" "+name, func(t *testing.T) {
				t.Parallel()
				var log bytes.Buffer
				registry := prometheus.NewRegistry()
				client := kosclient.New(kosclient.Config{}, secretsFunc(func() (string, error) { return secret, nil }), &kos{call: call},
					slog.New(slog.NewJSONHandler(&log, nil)), registry)
				err := read(t.Context(), client)
				wrong, ok := errors.AsType[*kosclient.AnswerError](err)
				if !ok || wrong.Kind != kind || !errors.Is(err, kosclient.ErrUnavailable) {
					t.Fatalf("got %v", err)
				}
				want := `
# HELP phonebill_kos_answer_faults_total Answers of KOS that violate the agreed format, by endpoint and kind: status, media_type, size, syntax, shape, value, mismatch, amount, result_code or retry_after.
# TYPE phonebill_kos_answer_faults_total counter
phonebill_kos_answer_faults_total{endpoint="bill-inquiry",kind="` + string(kind) + `"} 1
`
				if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "phonebill_kos_answer_faults_total"); err != nil {
					t.Error(err)
				}
				if text := log.String(); strings.Count(text, "\n") != 1 || strings.Contains(text+err.Error(), secretText) {
					t.Errorf("logged %s", text)
				}
			})
		}
	}
}

func TestValidAnswersAreAccepted(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]http.HandlerFunc{
		"plain":              answer(good(goodLine)),
		"charset":            typed(`Application/JSON; charset="UTF-8"`, good(goodLine)),
		"optional, null":     answer(good(`{"termEnd":null,` + goodLine[1:])),
		"optional, said":     answer(good(`{"termEnd":"2027-01-01",` + goodLine[1:])),
		"an unknown other":   answer(good(`{"extra":[1,{"a":null}],` + goodLine[1:])),
		"as large as may be": answer(good(goodLine) + strings.Repeat(" ", 1<<20-len(good(goodLine)))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := read(t.Context(), newClient(&kos{call: call})); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestServerErrorIsNoFaultyAnswer(t *testing.T) {
	t.Parallel()
	err := read(t.Context(), newClient(&kos{call: status(http.StatusInternalServerError)}))
	if _, wrong := errors.AsType[*kosclient.AnswerError](err); wrong || !errors.Is(err, kosclient.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestRetryAfterMayBeADate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for ahead, want := range map[time.Duration]time.Duration{
			7 * time.Second: 7 * time.Second, 0: time.Second, 5 * time.Minute: 5 * time.Minute, 301 * time.Second: kosclient.ErrBusy.RetryAfter,
		} {
			date := time.Now().Add(ahead).UTC().Format(http.TimeFormat)
			client := newClient(&kos{call: status(http.StatusTooManyRequests, "Retry-After", date)})
			_, err := ask(t.Context(), client)
			client.StopGoroutines()
			if got := problem.From(err).RetryAfter; !errors.Is(err, kosclient.ErrBusy) || got != want {
				t.Errorf("%s ahead: %s, %v", ahead, got, err)
			}
		}
	})
}

// FuzzAnswer checks that any answer is valid, or a fault with a kind, without a panic.
func FuzzAnswer(f *testing.F) {
	f.Add("application/json", good(goodLine))
	f.Add("application/json; charset=utf-8", good(`{"termEnd":null,`+goodLine[1:]))
	for _, body := range []string{"", "null", "{", good("null"), good(`"\ud800"`), good("{}"), good(`{"parts":[null]}`), "[[[[[["} {
		f.Add("application/json", body)
	}
	f.Fuzz(func(t *testing.T, mediaType, body string) {
		err := read(t.Context(), newClient(&kos{call: typed(mediaType, body)}))
		if err == nil {
			return
		}
		if _, wrong := errors.AsType[*kosclient.AnswerError](err); !wrong || !errors.Is(err, kosclient.ErrUnavailable) {
			t.Fatalf("got %v", err)
		}
	})
}
