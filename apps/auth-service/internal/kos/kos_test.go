package kos_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/phonebill/phonebill/apps/auth-service/internal/kos"
	"github.com/phonebill/phonebill/apps/internal/kosclient"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

const line = msisdn.Number("01012345678")

// poster answers as told and remembers what it was asked.
type poster struct {
	answer kosclient.Answer
	err    error
	path   string
	asked  map[string]string
}

// Post implements kos.Poster.
func (p *poster) Post(_ context.Context, path string, in any) (kosclient.Answer, error) {
	p.path = path
	text, err := json.Marshal(in)
	if err != nil {
		return kosclient.Answer{}, err
	}
	return p.answer, errors.Join(json.Unmarshal(text, &p.asked), p.err)
}

func TestCustomer(t *testing.T) {
	t.Parallel()
	const data = `{"lineNumber":"01012345678","customerId":"CUST001","customerName":"홍길동","plan":{"any":["thing"]}}`
	for name, c := range map[string]struct {
		answer kosclient.Answer
		err    error

		id    string
		known bool
		want  error
	}{
		"known":              {answer: answer("0000", data), id: "CUST001", known: true},
		"unknown":            {answer: answer("1001", "")},
		"not active":         {answer: answer("1002", data), id: "CUST001", known: true},
		"not active, silent": {answer: answer("1002", ""), known: true},
		"no customer":        {answer: answer("0000", `{"lineNumber":"01012345678"}`), want: kosclient.ErrUnavailable},
		"no data":            {answer: answer("0000", ""), want: kosclient.ErrUnavailable},
		"another shape":      {answer: answer("0000", `["CUST001"]`), want: kosclient.ErrUnavailable},
		"another code":       {answer: answer("7777", data), want: kosclient.ErrUnavailable},
		"away":               {err: kosclient.ErrUnavailable, want: kosclient.ErrUnavailable},
		"busy":               {err: kosclient.ErrBusy, want: kosclient.ErrBusy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, known, err := kos.New(&poster{answer: c.answer, err: c.err}).Customer(t.Context(), line)
			if !errors.Is(err, c.want) {
				t.Fatalf("got error %v, want %v", err, c.want)
			}
			if err == nil && (id != c.id || known != c.known) {
				t.Errorf("got %q, %t, want %q, %t", id, known, c.id, c.known)
			}
		})
	}
}

func answer(code kosclient.ResultCode, data string) kosclient.Answer {
	return kosclient.Answer{Success: code == kosclient.OK, ResultCode: code, Data: json.RawMessage(data)}
}

func TestCustomerAsksForTheDigits(t *testing.T) {
	t.Parallel()
	p := &poster{answer: answer("1001", "")}
	if _, _, err := kos.New(p).Customer(t.Context(), line); err != nil {
		t.Fatal(err)
	}
	if p.path != "/api/kos/product-inquiry" || p.asked["lineNumber"] != "01012345678" || p.asked["requestId"] == "" || len(p.asked) != 2 {
		t.Errorf("asked %s for %v", p.path, p.asked)
	}
}

func FuzzCustomer(f *testing.F) {
	f.Add("0000", `{"customerId":"CUST001"}`)
	f.Add("1002", `{"customerId":null}`)
	f.Fuzz(func(t *testing.T, code, data string) {
		p := &poster{answer: kosclient.Answer{ResultCode: kosclient.ResultCode(code), Data: json.RawMessage(data)}}
		id, known, err := kos.New(p).Customer(t.Context(), line)
		if id != "" && (!known || err != nil) {
			t.Errorf("got %q, %t, %v", id, known, err)
		}
	})
}
