// Package hostile derives answers that violate the agreed format from a good one, with one
// fault each, and checks how a client handles them. Only tests may import it.
package hostile

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
)

// Endpoint describes an endpoint of KOS as a service reads it. Members are named by their
// path: "customer.customerId", "products.0.monthlyFee".
type Endpoint struct {
	Name string // the last element of its path
	Data string // of a good answer: a JSON object
	// Refusals are the result codes of the contract, other than kosclient.OK.
	Refusals []kosclient.ResultCode
	// Unread are members that the service does not read; they and their contents may have
	// any value. Optional ones may be missing or null.
	Unread, Optional []string
	// Sums are members that are sums or parts of one: one won more is wrong.
	Sums []string
	// Kinds are the kinds of faults of members that differ from the default of their
	// type: kosclient.Value for texts, kosclient.Amount for numbers.
	Kinds map[string]kosclient.Kind
	// Values are invalid values in JSON, by member.
	Values map[string][]string
}

// Answer is an HTTP answer of KOS.
type Answer struct {
	Name   string
	Kind   kosclient.Kind // the fault; empty if KOS itself reports a failure
	Status int
	Header http.Header
	Body   string
}

// Answers returns the faulty answers of the endpoint. Their names are unique.
func (e Endpoint) Answers() []Answer {
	return slices.Concat(e.transport(), e.text(), e.envelopes(), e.members())
}

// Good returns the good answer.
func (e Endpoint) Good() Answer { return ok("good", "", e.body()) }

// Refusal returns an answer with data and a result code other than kosclient.OK.
func (e Endpoint) Refusal(code kosclient.ResultCode, data string) Answer {
	return ok("refusal "+string(code), "", envelope("false", string(code), data))
}

func (e Endpoint) body() string { return envelope("true", string(kosclient.OK), e.Data) }

func envelope(success, code, data string) string {
	return fmt.Sprintf(`{"success":%s,"resultCode":%q,"resultMessage":"정상","data":%s}`, success, code, data)
}

func ok(name string, kind kosclient.Kind, body string) Answer {
	return Answer{Name: name, Kind: kind, Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
}

// transport returns answers with a fault in status or headers.
func (e Endpoint) transport() []Answer {
	var all []Answer
	for _, status := range []int{201, 202, 203, 204, 206, 301, 302, 307, 308, 400, 403, 404, 409, 418} {
		all = append(all, e.Good().with(fmt.Sprint("status ", status), kosclient.Status, status, "Location", "http://kos/elsewhere"))
	}
	for _, status := range []int{500, 502, 503, 504, 599} {
		all = append(all, e.Good().with(fmt.Sprint("status ", status), "", status))
	}
	for _, media := range []string{
		"", "text/html", "text/plain", "application/xml", "application/json; charset=euc-kr", "application/json; charset=utf-16", "application/json; =", "application/json, text/html",
	} {
		all = append(all, e.Good().with("media type "+media, kosclient.MediaType, http.StatusOK, "Content-Type", media))
	}
	for _, coding := range []string{"gzip", "br", "identity, gzip"} {
		all = append(all, e.Good().with("encoding "+coding, kosclient.MediaType, http.StatusOK, "Content-Encoding", coding))
	}
	return all
}

// with returns the answer with another status and header.
func (a Answer) with(name string, kind kosclient.Kind, status int, header ...string) Answer {
	a.Name, a.Kind, a.Status = name, kind, status
	for i := 0; i+1 < len(header); i += 2 {
		a.Header.Set(header[i], header[i+1])
	}
	return a
}

// text returns bodies that are not one JSON value of a moderate size.
func (e Endpoint) text() []Answer {
	body := e.body()
	inData := func(text string) string { return strings.Replace(body, `"data":{`, `"data":{"extra":`+text+`,`, 1) }
	return []Answer{
		ok("oversize by padding", kosclient.Size, body+strings.Repeat(" ", 1<<20)),
		ok("oversize by a text", kosclient.Size, inData(`"`+strings.Repeat("x", 1<<20)+`"`)),
		ok("empty", kosclient.Syntax, ""),
		ok("blank", kosclient.Syntax, " \n"),
		ok("html", kosclient.Syntax, "<html>maintenance</html>"),
		ok("cut off", kosclient.Syntax, body[:len(body)-2]),
		ok("two values", kosclient.Syntax, body+"{}"),
		ok("byte order mark", kosclient.Syntax, "\ufeff"+body),
		ok("invalid UTF-8", kosclient.Syntax, inData("\"\xff\"")),
		ok("EUC-KR", kosclient.Syntax, inData("\"\xb1\xe8\"")),
		ok("lone surrogate", kosclient.Syntax, inData(`"\ud800"`)),
		ok("too deep", kosclient.Syntax, inData(strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000))),
		ok("comment", kosclient.Syntax, inData("1/**/")),
		ok("not a number", kosclient.Syntax, inData("NaN")),
		ok("an unread member twice", kosclient.Syntax, inData(`1,"extra":1`)),
		ok("null", kosclient.Shape, "null"),
		ok("a list", kosclient.Shape, "["+body+"]"),
		ok("only data", kosclient.Shape, e.Data),
	}
}

// envelopes returns answers whose result code, success or data contradict one
// another or the contract.
func (e Endpoint) envelopes() []Answer {
	all := []Answer{
		ok("done, yet no success", kosclient.Value, envelope("false", "0000", e.Data)),
		ok("done, yet no success and no data", kosclient.Value, envelope("false", "0000", "null")),
		ok("success of a refusal", kosclient.Value, envelope("true", "1001", e.Data)),
		ok("success is null", kosclient.Shape, envelope("null", "0000", e.Data)),
		ok("success is a text", kosclient.Shape, envelope(`"true"`, "0000", e.Data)),
		ok("code is a number", kosclient.Shape, strings.Replace(e.body(), `"0000"`, "0", 1)),
		ok("code twice", kosclient.Syntax, `{"resultCode":"1001",`+e.body()[1:]),
		ok("code twice, by an escape", kosclient.Syntax, `{"result\u0043ode":"1001",`+e.body()[1:]),
		ok("data twice", kosclient.Syntax, `{"data":null,`+e.body()[1:]),
	}
	for _, code := range []string{"", "0", "000", "00000", "OKAY", "0000 ", "０００0"} {
		all = append(all, ok("code "+code, kosclient.Value, envelope("true", code, e.Data)), ok("refusal "+code, kosclient.Value, envelope("false", code, "null")))
	}
	for _, code := range []kosclient.ResultCode{"0001", "1000", "1001", "1002", "1003", "1004", "2000", "2001", "2006", "2007", "2077", "2099", "2100", "9001", "9999"} {
		if !slices.Contains(e.Refusals, code) {
			all = append(all, ok("code of no contract "+string(code), kosclient.Code, envelope("false", string(code), "null")),
				ok("code of no contract, with data "+string(code), kosclient.Code, envelope("false", string(code), e.Data)))
		}
	}
	for _, name := range []string{"success", "resultCode", "resultMessage", "data"} {
		all = append(all,
			ok("no "+name, kosclient.Shape, strings.Replace(e.body(), `"`+name+`"`, `"`+name+`s"`, 1)),
			ok("other case of "+name, kosclient.Shape, strings.Replace(e.body(), `"`+name+`"`, `"`+strings.ToUpper(name)+`"`, 1)))
	}
	for _, data := range []string{"null", `"text"`, "[]", "7", "true", "{}"} {
		all = append(all, ok("data "+data, kosclient.Shape, envelope("true", "0000", data)))
	}
	return all
}
