package msisdn_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"01012345678":   "01012345678",
		"010-1234-5678": "01012345678",
		"010-12345678":  "",
		"0101234-5678":  "",
		"0111234567":    "",
		"010123456789":  "",
		"":              "",
		"0101234567a":   "",
		" 01012345678":  "",
		"01012345678\n": "",
		"０１０１２３４５６７８":   "",
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			got, err := msisdn.Parse(text)
			if got.Digits() != want || (want == "") != errors.Is(err, msisdn.ErrFormat) {
				t.Errorf("Parse(%q) = %q, %v; want %q", text, got.Digits(), err, want)
			}
		})
	}
}

func TestNumberIsMaskedInTextAndLogs(t *testing.T) {
	t.Parallel()
	n, err := msisdn.Parse("010-1234-5678")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("line", "line", n)
	for _, text := range []string{fmt.Sprint(n), fmt.Sprintf("%v %s", n, n), log.String()} {
		if strings.Contains(text, "1234") || !strings.Contains(text, "010-****-5678") {
			t.Errorf("not masked: %s", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("010-1234-5678")
	f.Add("01012345678")
	f.Add("010-1234-567")
	forms := regexp.MustCompile(`^010([0-9]{8}|-[0-9]{4}-[0-9]{4})$`)
	f.Fuzz(func(t *testing.T, text string) {
		n, err := msisdn.Parse(text)
		if (err == nil) != forms.MatchString(text) {
			t.Errorf("Parse(%q) = %q, %v", text, n.Digits(), err)
		}
		if err != nil {
			return
		}
		if again, err := msisdn.Parse(n.Digits()); err != nil || again != n || len(n) != 11 {
			t.Errorf("Parse(%q) = %q, which does not parse to itself", text, n.Digits())
		}
	})
}
