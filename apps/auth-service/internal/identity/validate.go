package identity

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// Limits of passwords, in characters.
const minPassword, maxPassword = 8, 50

// Ids are ASCII because they appear in tokens and headers.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{3,20}$`)

// canonical returns the lower-case form of an id, because ids are unique regardless of case. It
// lowers ASCII letters only; an id with other characters cannot exist.
func canonical(id string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, id)
}

// fieldFaults maps invalid fields of a request to messages.
type fieldFaults map[string]string

// err returns ErrValidation with all faults, or nil if there are none.
func (f fieldFaults) err() error {
	if len(f) == 0 {
		return nil
	}
	return problem.ErrValidation.WithFields(f)
}

func (f fieldFaults) checkID(field, id string) {
	if !idPattern.MatchString(id) {
		f[field] = "3~20자의 영문자, 숫자, '_', '-'만 사용할 수 있습니다."
	}
}

// checkPassword checks the length of a new password, in NFC.
func (f fieldFaults) checkPassword(field, password string) {
	password = norm.NFC.String(password)
	f.checkLength(field, password, password)
}

// checkTypedPassword checks the length of a password that is to be verified. The typed text may be
// longer than its NFC form, and older passwords were measured before normalization: those must
// still be accepted.
func (f fieldFaults) checkTypedPassword(field, typed string) {
	f.checkLength(field, typed, norm.NFC.String(typed))
}

// checkLength refuses a password whose short form is too short or whose long form is too long.
func (f fieldFaults) checkLength(field, short, long string) {
	if utf8.RuneCountInString(short) < minPassword || utf8.RuneCountInString(long) > maxPassword {
		f[field] = "8~50자여야 합니다."
	}
}

// checkLine returns the line number in text.
func (f fieldFaults) checkLine(field, text string) msisdn.Number {
	line, err := msisdn.Parse(text)
	if err != nil {
		f[field] = "회선 번호는 010-1234-5678 또는 01012345678 형식이어야 합니다."
	}
	return line
}

// checkName returns the name in its stored form.
func (f fieldFaults) checkName(field, text string) string {
	name, ok := parseName(text)
	if !ok {
		f[field] = "글자를 포함한 1~50자여야 하며, 기호, 제어 문자, 연속된 공백은 사용할 수 없습니다."
	}
	return name
}

func (in LoginRequest) validate() error {
	faults := fieldFaults{}
	faults.checkID("userId", in.UserID)
	faults.checkTypedPassword("password", in.Password)
	return faults.err()
}

// validateNew is validate for new credentials.
func (in LoginRequest) validateNew() error {
	faults := fieldFaults{}
	faults.checkID("userId", in.UserID)
	faults.checkPassword("password", in.Password)
	return faults.err()
}

// validate returns the user that the registration describes.
func (in Registration) validate() (User, error) {
	faults := fieldFaults{}
	faults.checkID("userId", in.UserID)
	faults.checkID("customerId", in.CustomerID)
	faults.checkPassword("password", in.Password)
	user := User{
		ID:          in.UserID,
		Name:        faults.checkName("userName", in.UserName),
		CustomerID:  in.CustomerID,
		Line:        faults.checkLine("lineNumber", in.LineNumber),
		Status:      StatusActive,
		Permissions: []string{PermissionBillInquiry, PermissionProductChange},
	}
	return user, faults.err()
}

func (in ChangePasswordRequest) validate() error {
	faults := fieldFaults{}
	if in.Current == "" {
		faults["currentPassword"] = "필수 입력 항목입니다."
	}
	faults.checkPassword("newPassword", in.New)
	if norm.NFC.String(in.New) == norm.NFC.String(in.Current) {
		faults["newPassword"] = "현재 비밀번호와 달라야 합니다."
	}
	return faults.err()
}
