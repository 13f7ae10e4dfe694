package access

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// undescribed returns which answers to invalid input and preferences the document lacks, or "".
func (o Operation) undescribed() string {
	if o.Body() != nil && !o.event() {
		media := o.spec.Responses.Status(http.StatusUnsupportedMediaType)
		if o.spec.Responses.Status(http.StatusBadRequest) == nil || media == nil {
			return "takes a body, but has no answers 400 and 415"
		}
		if media.Value.Headers["Accept"] == nil || media.Value.Headers["Accept-Encoding"] == nil {
			return "has a 415 without the headers Accept and Accept-Encoding"
		}
	}
	if o.takes("path", "query") && o.spec.Responses.Status(http.StatusBadRequest) == nil {
		return "takes parameters, but has no answer 400"
	}
	return o.unapplied()
}

// takes reports whether the operation has parameters in any of these places.
func (o Operation) takes(places ...string) bool {
	return slices.ContainsFunc(o.parameters, func(p *openapi3.ParameterRef) bool { return slices.Contains(places, p.Value.In) })
}

// unapplied returns which success of an operation with the header Prefer lacks Preference-Applied,
// or "".
func (o Operation) unapplied() string {
	if o.parameters.GetByInAndName("header", "Prefer") == nil {
		return ""
	}
	for _, status := range []int{http.StatusOK, http.StatusAccepted} {
		if answer := o.spec.Responses.Status(status); answer != nil && answer.Value.Headers["Preference-Applied"] == nil {
			return fmt.Sprintf("takes Prefer, but its %d has no Preference-Applied", status)
		}
	}
	return ""
}
