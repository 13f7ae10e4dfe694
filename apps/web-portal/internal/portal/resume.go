package portal

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/phonebill/phonebill/apps/web-portal/internal/pages"
)

// sent returns the form of the visit, to be sent again. A page keeps no passwords: whole reports
// whether the form has none.
func (v *visit) sent() (form *pages.Resume, whole bool) {
	whole = true
	form = newResume(v.r.URL.Path, v.r.PostForm, func(name string) (string, bool) {
		secret := strings.Contains(strings.ToLower(name), "password")
		whole = whole && !secret
		return name, !secret && name != tokenField
	})
	return form, whole
}

// newResume returns a form with the fields that rename keeps, in the order of their names.
func newResume(action string, fields url.Values, rename func(name string) (field string, keep bool)) *pages.Resume {
	form := &pages.Resume{Action: action}
	for name, values := range fields {
		field, keep := rename(name)
		if !keep {
			continue
		}
		for _, value := range values {
			form.Fields = append(form.Fields, pages.Field{Name: field, Value: value})
		}
	}
	slices.SortStableFunc(form.Fields, func(a, b pages.Field) int { return cmp.Compare(a.Name, b.Name) })
	return form
}
