package text

import (
	_ "embed"
	"regexp"
)

//go:embed services.json
var servicesSource []byte

// services are the English texts for answers of the services, whose own texts are Korean.
var services = parse[struct {
	Problems map[string]string // by error code
	Fields   map[string]string // by name of the field
	Passed   map[string]string // by type of the check
	Failed   map[string]string
	Results  map[string]string // by result code of KOS or of product-change-service
	Values   map[string]string // by value
}](servicesSource)

// Problem returns the message of a refusal. Own is the service's, which is empty if the service
// has not answered, and for refusals of the portal.
func (l Language) Problem(code, own string) string {
	if l == Korean && own != "" {
		return own
	}
	if english, ok := services.Problems[code]; ok {
		return l.Text(english)
	}
	return l.Text("The service is not available now. Please try again later.")
}

// Unanswered returns why an inquiry has failed. Own is the reason of KOS.
func (l Language) Unanswered(own string) string {
	if l == Korean && own != "" {
		return own
	}
	return l.Text("The carrier has no bill for this month.")
}

// Field returns the message of a refused value.
func (l Language) Field(name, own string) string {
	return l.known(services.Fields, name, own)
}

// Check returns the message of a check of a change.
func (l Language) Check(kind string, passed bool, own string) string {
	if passed {
		return l.known(services.Passed, kind, own)
	}
	return l.known(services.Failed, kind, own)
}

// Result returns the message of the result of a change.
func (l Language) Result(code, own string) string {
	return l.known(services.Results, code, l.known(services.Problems, code, own))
}

// known returns the English text of a key, or own.
func (l Language) known(texts map[string]string, key, own string) string {
	if found, ok := texts[key]; ok && l == English {
		return found
	}
	return own
}

// counted are quantities of KOS: 500분, 100건.
var counted = regexp.MustCompile(`^([\d,.]+) ?(분|건)$`)

// Quantity returns an allowance or a usage as KOS words it: 무제한, 20GB, 500분.
func (l Language) Quantity(own string) string {
	if found := counted.FindStringSubmatch(own); found != nil && l == English {
		return found[1] + " " + services.Values[found[2]]
	}
	return l.known(services.Values, own, own)
}
