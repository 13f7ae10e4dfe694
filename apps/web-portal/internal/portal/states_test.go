package portal_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestHome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	shows(t, w.get("/"), http.StatusOK, "97,750원", "2026년 12월 25일 (금)", "5G 프리미엄", "89,000원", "010-1234-5678", "김고객님")
}

// TestCallsOfAPageAreMadeAtTheSameTime answers none of a page's calls before all have begun.
func TestCallsOfAPageAreMadeAtTheSameTime(t *testing.T) {
	t.Parallel()
	for path, calls := range map[string]int{"/": 2, "/bills": 2, "/plans": 2, "/account": 3} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.login()
			w.services.accountOf("김고객")
			before := len(w.services.asked)
			var begun sync.WaitGroup
			begun.Add(calls)
			all := make(chan struct{})
			go func() { begun.Wait(); close(all) }()
			w.services.before = func() {
				begun.Done()
				select {
				case <-all:
				case <-time.After(20 * time.Second):
					t.Error("a call waits for another one")
				}
			}
			shows(t, w.get(path), http.StatusOK)
			if made := len(w.services.asked) - before; made != calls {
				t.Errorf("%d calls", made)
			}
		})
	}
}

// TestHomeComparesUsageWithTheAllowance where there is a limit.
func TestHomeComparesUsageWithTheAllowance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	page := w.get("/")
	shows(t, page, http.StatusOK, `<meter aria-labelledby="used-data" min="0" max="100" value="5">`, `id="used-data"`, "5% 사용", "/ 무제한", "/ 기본 제공")
	if n := strings.Count(page.Body.String(), "<meter"); n != 1 {
		t.Errorf("%d meters", n)
	}
}

func TestBillShowsItsParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	shows(t, w.get("/bills?month=2026-11&utm_source=mail"), http.StatusOK,
		"97,750원", "67,750원", "−22,250원", "11월 1일 ~ 30일 (30일간)", "30,000원", "납부 예정", `<option value="2026-11" selected>`)
}

func TestStaleAnswersShowTheirAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	w.services.set(getLine, http.StatusOK, data(subscriber("김고객", true)))
	w.services.set(doInquire, http.StatusOK, data(inquiry("김고객", true)))
	for _, path := range []string{"/", "/bills", "/plans"} {
		shows(t, w.get(path), http.StatusOK, "3시간 전 정보입니다.", "2026. 11. 30. 07:00")
	}
}

func TestQueuedInquiriesShowTheirPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	queued := fmt.Sprintf(`{"requestId":%q,"status":"PROCESSING","progress":10,"queuePosition":7,"estimatedSeconds":90}`, request)
	w.services.set(doInquire, http.StatusAccepted, data(queued), "Location", "/api/v1/bills/inquiry/"+request, "Preference-Applied", "respond-async, wait=1")
	got := w.get("/bills")
	if got.Header().Get("Location") != "/bills/inquiries/"+request {
		t.Fatalf("%d %v", got.Code, got.Header())
	}
	w.services.set("GET /api/v1/bills/inquiry/"+request, http.StatusOK, data(queued))
	shows(t, w.get("/bills/inquiries/"+request), http.StatusOK, "7번째", "1분 30초", `data-reload="5"`, `http-equiv="refresh" content="5"`)
	w.services.set("GET /api/v1/bills/inquiry/"+request, http.StatusOK, data(fmt.Sprintf(`{"requestId":%q,"status":"COMPLETED","progress":100,"billInfo":%s}`, request, bill())))
	if got := w.get("/bills/inquiries/" + request); got.Header().Get("Location") != "/bills?month=2026-11" {
		t.Errorf("%d %v", got.Code, got.Header())
	}
	calls, _ := w.services.calls(doInquire)
	if calls[0].Header.Get("Prefer") != "respond-async, wait=1" {
		t.Errorf("Prefer: %q", calls[0].Header.Get("Prefer"))
	}
}

func TestQueuedPlansShowTheirPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	w.services.set(getLine, http.StatusAccepted, data(`{"status":"PROCESSING","queuePosition":3,"estimatedSeconds":4}`),
		"Location", "/api/v1/products/customer", "Retry-After", "4", "Preference-Applied", "respond-async, wait=1")
	shows(t, w.get("/plans"), http.StatusOK, "3번째", "약 4초", `data-reload="4"`)
	shows(t, w.get("/"), http.StatusOK, "대기 순서 3번", `data-reload="4"`)
}

func TestOutagesCountDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	w.services.refuse(doInquire, http.StatusServiceUnavailable, "KOS_UNAVAILABLE", "통신사 시스템을 이용할 수 없습니다.", "Retry-After", "30")
	got := w.get("/bills")
	shows(t, got, http.StatusServiceUnavailable, "통신사 시스템을 이용할 수 없습니다.", `data-reload="30"`, "30초 뒤에 자동으로", "KOS_UNAVAILABLE")
	if got.Header().Get("Retry-After") != "30" {
		t.Errorf("Retry-After: %q", got.Header().Get("Retry-After"))
	}
	// The other half of the home page is still shown.
	shows(t, w.get("/"), http.StatusOK, "5G 프리미엄", "통신사 시스템을 이용할 수 없습니다.", `data-reload="30"`)
}

func TestRefusalsAreExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	w.services.refuse(doInquire, http.StatusForbidden, "LINE_MOVED", "회선의 명의가 변경되었습니다.")
	shows(t, w.get("/bills"), http.StatusForbidden, "회선의 명의가 변경되었습니다.")
	shows(t, w.get("/bills/inquiries/../../etc"), http.StatusMovedPermanently)
	shows(t, w.get("/changes/not-an-id"), http.StatusNotFound, "찾을 수 없습니다")
	w.services.set(doValidate, http.StatusOK, data(validation("FAIL")))
	page := w.get("/plans/LTE-BASIC-001")
	shows(t, page, http.StatusOK, "지금은 이 요금제로 바꿀 수 없습니다. 회선 상태 확인")
	if strings.Contains(page.Body.String(), `name="confirm"`) {
		t.Error("the change can be ordered")
	}
}

func TestAFormThatIsSentTwiceIsOneChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	w.services.set(doChange, http.StatusAccepted, data(change("PROCESSING", "", "")), "Location", "/api/v1/products/change/"+request)
	form := fields(w.get("/plans/LTE-BASIC-001").Body.String())
	form.Set("confirm", "1")
	for range 2 {
		if got := w.do(http.MethodPost, "/plans/LTE-BASIC-001/change", form); got.Header().Get("Location") != "/changes/"+request {
			t.Fatalf("%d %s", got.Code, got.Body)
		}
	}
	calls, bodies := w.services.calls(doChange)
	if key := calls[0].Header.Get("Idempotency-Key"); key == "" || key != calls[1].Header.Get("Idempotency-Key") || bodies[0] != bodies[1] {
		t.Errorf("keys %q and %q", key, calls[1].Header.Get("Idempotency-Key"))
	}
	if other := fields(w.get("/plans/LTE-BASIC-001").Body.String()).Get("key"); other == form.Get("key") {
		t.Error("two forms have the same key")
	}
}

func TestChangesThatCannotBeSentAreSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	w.services.refuse(doChange, http.StatusServiceUnavailable, "KOS_UNAVAILABLE", "잠시 후 다시 시도해 주세요.", "Retry-After", "20")
	form := fields(w.get("/plans/LTE-BASIC-001").Body.String())
	form.Set("from", "2026-12-24")
	shows(t, w.do(http.MethodPost, "/plans/LTE-BASIC-001/change", form), http.StatusBadRequest, "동의하셔야", `value="2026-12-24"`, form.Get("key"))
	form.Set("confirm", "1")
	shows(t, w.do(http.MethodPost, "/plans/LTE-BASIC-001/change", form), http.StatusServiceUnavailable,
		`data-retry="20"`, form.Get("key"), `value="2026-12-24"`, "두 번 변경되지 않습니다")
	w.services.refuse(doChange, http.StatusConflict, "CHANGE_IN_PROGRESS", "진행 중인 변경이 있습니다.")
	got := w.do(http.MethodPost, "/plans/LTE-BASIC-001/change", form)
	shows(t, got, http.StatusConflict, "진행 중인 변경이 있습니다.")
	if strings.Contains(got.Body.String(), form.Get("key")) {
		t.Error("another order would have the key of the refused one")
	}
}

func TestProgressOfAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	state := "GET /api/v1/products/change/" + request
	for _, test := range []struct{ status, code, message, want string }{
		{"PROCESSING", "", "", `data-reload="2"`},
		{"COMPLETED", "0000", "완료되었습니다.", "요금제를 변경했습니다"},
		{"FAILED", "2002", "정지된 회선입니다.", "정지된 회선입니다."},
	} {
		w.services.set(state, http.StatusOK, data(change(test.status, test.code, test.message)))
		shows(t, w.get("/changes/"+request), http.StatusOK, test.want)
	}
}
