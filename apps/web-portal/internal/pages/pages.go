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
)

//go:embed templates
var sources embed.FS

// Frame is what every page has around its content.
type Frame struct {
	Title string
	// Active is the link of the navigation that is current.
	Active string
	// User is the customer's id, empty without a session.
	User string
	// Plans reports whether the customer may change plans, and Bills inquire bills.
	Plans, Bills bool
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

// Pages are the parsed templates.
type Pages struct{ byName map[string]*template.Template }

// New parses the templates. Each page is layout.html and parts.html with its own file.
func New(files *assets.Assets, now func() time.Time) (*Pages, error) {
	shared, err := template.New("layout.html").Funcs(functions(files, now)).
		ParseFS(sources, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	names, err := fs.Glob(sources, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	pages := &Pages{byName: map[string]*template.Template{}}
	for _, name := range names {
		page, err := template.Must(shared.Clone()).ParseFS(sources, name)
		if err != nil {
			return nil, fmt.Errorf("pages: %w", err)
		}
		pages.byName[strings.TrimSuffix(path.Base(name), ".html")] = page
	}
	return pages, nil
}

func functions(files *assets.Assets, now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"asset": files.URL, "won": won, "shortWon": shortWon, "month": month, "shortMonth": shortMonth, "dashedMonth": dashedMonth,
		"day": day, "days": days, "at": at, "iso": iso, "wait": wait, "line": line, "payment": payment, "progress": progress,
		"attempt": attempt, "device": device,
		"age": func(moment time.Time) string { return age(moment, now()) },
		"add": func(a, b int) int { return a + b },
		"neg": func(amount int64) int64 { return -amount },
	}
}

// Render returns the page name.
func (p *Pages) Render(name string, frame Frame) ([]byte, error) {
	page, ok := p.byName[name]
	if !ok {
		return nil, fmt.Errorf("pages: there is no %s", name)
	}
	var out bytes.Buffer
	if err := page.ExecuteTemplate(&out, "layout.html", frame); err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	return out.Bytes(), nil
}
