// Package search finds secrets and personal data in logs, environments, command lines and the
// history of the repository.
package search

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// Texts are the texts to search for, by name. Names may be printed.
type Texts map[string]string

// minSecret is the minimum length of a secret text: shorter ones are words or numbers that occur
// everywhere.
const minSecret = 16

// Secrets returns the secret texts: the secrets themselves and, for those that are JSON, every text
// in them that is not public.
func Secrets(secrets map[string]string) Texts {
	texts := Texts{}
	for name, secret := range secrets {
		var value any
		if json.Unmarshal([]byte(secret), &value) != nil {
			value = secret
		}
		texts.add(name, value)
	}
	return texts
}

// public are the members of a JWK, of credentials and of a Tink keyset that are not secret.
var public = map[string]bool{"x": true, "y": true, "kid": true, "clientId": true, "typeUrl": true}

func (t Texts) add(name string, value any) {
	switch value := value.(type) {
	case string:
		if len(value) >= minSecret {
			t[name] = value
		}
	case []any:
		for i, element := range value {
			t.add(fmt.Sprintf("%s[%d]", name, i), element)
		}
	case map[string]any:
		for key, member := range value {
			if !public[key] {
				t.add(name+"."+key, member)
			}
		}
	}
}

// In returns the sorted names of the texts that content contains.
func (t Texts) In(content []byte) []string {
	var found []string
	for name, text := range t {
		if bytes.Contains(content, []byte(text)) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// InLines returns the names of the texts that r contains. No text spans several lines.
func (t Texts) InLines(r io.Reader) ([]string, error) {
	found := map[string]bool{}
	err := eachLine(r, func(line []byte) {
		for _, name := range t.In(line) {
			found[name] = true
		}
	})
	return slices.Sorted(maps.Keys(found)), err
}

// InFile returns the names of the texts that a file contains.
func (t Texts) InFile(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return t.InLines(file)
}

// InHistory returns the names of the texts that any commit of the repository at dir has added or
// removed.
func (t Texts) InHistory(dir string) ([]string, error) {
	cmd := exec.Command("git", "-C", dir, "log", "--all", "--patch", "--unified=0", "--no-color", "--no-ext-diff", "--text") //nolint:noctx // ends with the history
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	found, err := t.InLines(out)
	return found, errors.Join(err, cmd.Wait())
}

// lineNumber matches Korean mobile numbers, with and without dashes, that are not part of a longer
// word.
var lineNumber = regexp.MustCompile(`(?:^|[^0-9A-Za-z.-])(010-?[0-9]{4}-?[0-9]{4})(?:[^0-9A-Za-z-]|$)`)

// accessToken matches the beginning of our tokens: {"alg":"ES256",
var accessToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.`)

// PersonalData returns the lines of a log that contain a whole line number, a token or one of the
// names.
func PersonalData(path string, names []string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var found []string
	err = eachLine(file, func(line []byte) {
		named := slices.ContainsFunc(names, func(name string) bool { return bytes.Contains(line, []byte(name)) })
		if named || lineNumber.Match(line) || accessToken.Match(line) {
			found = append(found, strings.TrimSpace(string(line)))
		}
	})
	return found, err
}

func eachLine(r io.Reader, do func(line []byte)) error {
	reader := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := reader.ReadBytes('\n')
		do(line)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
