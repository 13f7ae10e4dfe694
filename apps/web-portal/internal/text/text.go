// Package text has the texts of the portal in Korean and English, and the formats of amounts,
// dates and durations of both languages.
package text

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"

	"golang.org/x/text/language"
)

// Language is the tag of a language.
type Language string

// The languages.
const (
	Korean  Language = "ko"
	English Language = "en"
)

// Languages are all languages; the first is that of browsers that prefer none of them.
var Languages = []Language{Korean, English}

var matcher = language.NewMatcher([]language.Tag{language.Korean, language.English})

// Choose returns the language that the customer has chosen or, if there is none, the one that the
// browser's Accept-Language prefers.
func Choose(chosen, accepted string) Language {
	if slices.Contains(Languages, Language(chosen)) {
		return Language(chosen)
	}
	_, i := language.MatchStrings(matcher, accepted)
	return Languages[i]
}

// Other returns the language to switch to.
func (l Language) Other() Language {
	if l == Korean {
		return English
	}
	return Korean
}

// Name returns the language's own name.
func (l Language) Name() string {
	if l == Korean {
		return "한국어"
	}
	return "English"
}

//go:embed ko.json
var koreanSource []byte

// korean are the Korean texts by English text.
var korean = parse[map[string]string](koreanSource)

func parse[T any](source []byte) (value T) {
	if err := json.Unmarshal(source, &value); err != nil {
		panic(fmt.Sprintf("text: %v", err)) // the source is embedded, and the tests parse it
	}
	return value
}

// Text returns a text, which is given in English, in the language. The verbs of package fmt stand
// for args.
func (l Language) Text(english string, args ...any) string {
	format := english
	if translated, ok := korean[english]; ok && l == Korean {
		format = translated
	}
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}
