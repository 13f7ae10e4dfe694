package identity

import (
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// Errors of this service. Their codes are part of the API.
var (
	// ErrCredentials does not reveal which of id and password is wrong.
	ErrCredentials = problem.New(problem.Unauthenticated, "AUTH_001", "아이디 또는 비밀번호가 올바르지 않습니다.")
	// ErrLocking is returned for the failure that locks an id, ErrLocked for every attempt during
	// the lock-out, correct or not. Both are the same for ids that do not exist.
	ErrLocking = problem.New(problem.Unauthenticated, "AUTH_002", "비밀번호를 5회 연속 잘못 입력하여 계정이 30분간 잠겼습니다.")
	ErrLocked  = problem.New(problem.Unauthenticated, "AUTH_003", "계정이 잠겨 있습니다. 잠시 후 다시 시도해 주세요.")
	// ErrTooManyConcurrent refuses a request when too many for the same key are waiting. It carries
	// the time after which to retry.
	ErrTooManyConcurrent = problem.New(problem.TooManyRequests, "RATE_LIMITED", "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.")

	ErrRefreshToken    = problem.New(problem.Unauthenticated, "REFRESH_TOKEN_INVALID", "로그인이 만료되었습니다. 다시 로그인해 주세요.")
	ErrCurrentPassword = problem.New(problem.Invalid, "CURRENT_PASSWORD_WRONG", "현재 비밀번호가 올바르지 않습니다.")

	ErrUserIDTaken   = problem.New(problem.Conflict, "USER_ID_TAKEN", "이미 사용 중인 아이디입니다.")
	ErrCustomerTaken = problem.New(problem.Conflict, "CUSTOMER_TAKEN", "이미 가입한 고객입니다.")
	// ErrLineTaken is also returned for a line whose customer has no account yet, so that the
	// answer does not reveal which lines exist.
	ErrLineTaken = problem.New(problem.Conflict, "LINE_TAKEN", "이 회선 번호로 가입할 수 없습니다.")

	ErrForbidden    = problem.New(problem.Forbidden, "FORBIDDEN", "접근 권한이 없습니다.")
	ErrUserNotFound = problem.New(problem.NotFound, "USER_NOT_FOUND", "사용자를 찾을 수 없습니다.")

	// ErrSessionNotFound is also returned for a session of another user.
	ErrSessionNotFound = problem.New(problem.NotFound, "SESSION_NOT_FOUND", "로그인 세션을 찾을 수 없습니다.")

	// Refusals of administration: an administrator cannot lock out all administrators.
	ErrOwnAccount        = problem.New(problem.Conflict, "OWN_ACCOUNT", "본인의 관리자 권한은 변경할 수 없습니다.")
	ErrLastAdministrator = problem.New(problem.Conflict, "LAST_ADMINISTRATOR", "마지막 관리자의 권한은 변경할 수 없습니다.")
	ErrPermissionUnfit   = problem.New(problem.Conflict, "PERMISSION_UNFIT", "이 사용자에게 부여할 수 없는 권한입니다.")

	// ErrAccountChanged refuses a login during which an administrator changed the user's
	// permissions. A retry succeeds.
	ErrAccountChanged = problem.New(problem.Unavailable, "ACCOUNT_CHANGED", "계정 정보가 변경되었습니다. 다시 로그인해 주세요.").After(time.Second)

	ErrSessionStore = problem.New(problem.Unavailable, "SESSION_STORE_UNAVAILABLE", "일시적으로 로그인 정보를 처리할 수 없습니다. 잠시 후 다시 시도해 주세요.").After(2 * time.Second)
	ErrDatabase     = problem.ErrDatabase
)
