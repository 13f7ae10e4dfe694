// Package pages renders the portal's pages.
package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/phonebill/phonebill/apps/web-portal/internal/assets"
	"github.com/phonebill/phonebill/apps/web-portal/internal/text"
)

//go:embed templates
var sources embed.FS

// Frame is what every page has around its content.
type Frame struct {
	Language text.Language
	// Here is the path of the page, to which a switch of the language returns. It is empty for
	// the answer to a form, which a switch would lose.
	Here  string
	Title string
	// Active is the link of the navigation that is current.
	Active string
	// User is the customer's id, empty without a session.
	User string
	// Plans reports whether the customer may change plans, and Bills inquire bills.
	Plans, Bills bool
	// Administers reports whether the user is an administrator.
	Administers bool
	// Token is the token of forms.
	Token string
	// Reload is after how many seconds the page loads itself again; 0 for never.
	Reload int
	// Idle is after how many seconds without a request the session ends; 0 if it does not.
	Idle int
	// Notice is a message above the content.
	Notice string
	// Content is the data of the page's template.
	Content any
}

// Warning is how many seconds before the end of the session the page announces it.
func (f Frame) Warning() int { return min(120, f.Idle/2) }

// Pages are the parsed templates.
type Pages struct {
	byName map[text.Language]map[string]*template.Template
}

// New parses the templates for each language. Each page is layout.html and parts.html with its own
// file.
func New(files *assets.Assets, now func() time.Time) (*Pages, error) {
	pages := &Pages{byName: map[text.Language]map[string]*template.Template{}}
	for _, l := range text.Languages {
		templates, err := parse(functions(files, now, l))
		if err != nil {
			return nil, fmt.Errorf("pages: %w", err)
		}
		pages.byName[l] = templates
	}
	return pages, nil
}

func parse(functions template.FuncMap) (map[string]*template.Template, error) {
	shared, err := template.New("layout.html").Funcs(functions).ParseFS(sources, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(sources, "templates/*.html")
	if err != nil {
		return nil, err
	}
	byName := map[string]*template.Template{}
	for _, name := range names {
		page, err := template.Must(shared.Clone()).ParseFS(sources, name)
		if err != nil {
			return nil, err
		}
		byName[strings.TrimSuffix(path.Base(name), ".html")] = page
	}
	return byName, nil
}

// Render returns the page name.
func (p *Pages) Render(name string, frame Frame) ([]byte, error) {
	page, ok := p.byName[frame.Language][name]
	if !ok {
		return nil, fmt.Errorf("pages: there is no %s in %q", name, frame.Language)
	}
	var out bytes.Buffer
	if err := page.ExecuteTemplate(&out, "layout.html", frame); err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	return out.Bytes(), nil
}
