package portal

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/system"
)

const (
	webPortal system.Role = "web-portal"
)

// filled logs in and fills in the form of a change.
func filled(t *testing.T, user string) *window {
	t.Helper()
	w := open(t, phone)
	w.login(user)
	w.visit("/plans")
	w.click(`.offers .primary`)
	w.sees("변경 신청")
	w.do(chromedp.Click(`input[name="confirm"]`, chromedp.ByQuery))
	return w
}

// TestPortalRestartLosesNothing kills the portal while a form is filled in, and starts it again after
// the form has been sent. The same page sends it.
func TestPortalRestartLosesNothing(t *testing.T) {
	w := filled(t, nextUser())
	stopped(t, webPortal)
	w.do(chromedp.Click(order, chromedp.ByQuery))
	w.sees("연결이 끊어졌습니다")
	w.fitsAnywhere("portal-down")
	restart(t, webPortal)
	w.sees("요금제를 변경했습니다")
}

// TestSidecarRestartLosesNothing is the same with the portal's sidecar. The page of the outage sends
// the form.
func TestSidecarRestartLosesNothing(t *testing.T) {
	w := filled(t, nextUser())
	stopped(t, system.Sidecar(webPortal))
	w.click(order)
	w.sees("뒤에 자동으로 다시 시도합니다")
	// The page must not be replaced while it is checked.
	eval[int](w, "window.submit = HTMLFormElement.prototype.requestSubmit; HTMLFormElement.prototype.requestSubmit = () => {}; 0")
	w.fitsAnywhere("sidecar-down")
	eval[int](w, "HTMLFormElement.prototype.requestSubmit = window.submit; 0")
	w.click("main button.primary")
	w.sees("뒤에 자동으로 다시 시도합니다")
	restart(t, system.Sidecar(webPortal))
	w.sees("요금제를 변경했습니다")
}

// order is the button that orders a change.
const order = `form[action$="/change"] button.primary`

// stopped kills a part, and restarts it after the test.
func stopped(t *testing.T, role system.Role) {
	t.Helper()
	if whole == nil {
		t.Skip("takes the processes of a system of its own")
	}
	t.Cleanup(func() { restart(t, role) }) // no effect on a part that runs
	if err := whole.Kill(role); err != nil {
		t.Fatal(err)
	}
}

// restart starts a part and waits until all parts are ready.
func restart(t *testing.T, role system.Role) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit)
	defer cancel()
	if err := whole.WaitReady(ctx, role); err == nil {
		return
	}
	if err := whole.Restart(ctx, role); err != nil {
		t.Fatal(err)
	}
	if err := whole.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// recovery bounds how long after an outage the queue of KOS tries again.
const recovery = 2 * time.Minute

// calmly restores KOS after the test.
func calmly(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if err := mock.CalmDown(); err != nil {
			t.Error(err)
		}
	})
}

// down makes endpoints of KOS unavailable.
func down(t *testing.T, endpoints ...string) {
	t.Helper()
	calmly(t)
	for _, endpoint := range endpoints {
		if err := mock.Behave(endpoint, kos.Behavior{ErrorShare: 1, ErrorStatus: 503}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOutageOfKOSLosesNothing orders a change while KOS is down: it is done when KOS is back.
func TestOutageOfKOSLosesNothing(t *testing.T) {
	w := filled(t, nextUser())
	down(t, kos.ProductChange, kos.ChangeStatus)
	w.click(order)
	w.sees("신청은 접수되었습니다.")
	w.fitsAnywhere("change-waits")
	if err := mock.CalmDown(); err != nil {
		t.Fatal(err)
	}
	w.seesWithin(recovery, "요금제를 변경했습니다")
}

// TestUnknownBillDuringAnOutage waits, and then shows the bill by itself.
func TestUnknownBillDuringAnOutage(t *testing.T) {
	w := open(t, phone)
	w.login(nextUser())
	down(t, kos.BillInquiry)
	w.visit("/bills?month=" + month(4))
	w.sees("통신사") // in the queue, or refused with a countdown
	w.fitsAnywhere("outage")
	if err := mock.CalmDown(); err != nil {
		t.Fatal(err)
	}
	w.seesWithin(recovery, "납부할 금액")
}

// month returns a past month, as YYYY-MM.
func month(back int) string {
	now := time.Now().In(time.FixedZone("KST", 9*60*60))
	return time.Date(now.Year(), now.Month()-time.Month(back), 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
}

// TestWithoutNetwork announces that the browser is offline, and goes on.
func TestWithoutNetwork(t *testing.T) {
	w := filled(t, nextUser())
	offline := func(is bool) {
		w.do(network.Enable(), network.EmulateNetworkConditions(is, 0, -1, -1))
	}
	offline(true)
	w.do(chromedp.Click(order, chromedp.ByQuery))
	w.sees("연결이 끊어졌습니다")
	offline(false)
	w.sees("요금제를 변경했습니다")
}

// TestSuspendedLine shows why the line cannot change its plan.
func TestSuspendedLine(t *testing.T) {
	w := open(t, phone)
	w.login("testuser05")
	w.fitsAnywhere("suspended")
	w.visit("/plans")
	w.click(`.offers .primary`)
	w.sees("지금은 이 요금제로 바꿀 수 없습니다.")
	w.fitsAnywhere("refused")
}

// TestEnglish switches the language, and sees every page in it.
func TestEnglish(t *testing.T) {
	w := open(t, phone)
	w.visit("/login")
	w.click("form.language button")
	w.sees("Log in")
	w.fits("en-login")
	w.visit("/register")
	w.fits("en-register")
	w.visit("/login")
	w.fill("#userId", nextUser(), "#password", password)
	w.click("button.primary")
	w.sees("Hello")
	w.fits("en-home")
	for name, text := range map[string]string{
		"bills": "Amount due", "bills/months": "Average", "bills/inquiries": "Done", "plans": "Your plan",
		"changes": "not changed", "account": "Devices", "nowhere": "no such page",
	} {
		w.visit("/" + name)
		w.sees(text)
		w.fits("en-" + name)
	}
	w.visit("/plans")
	w.click(`.offers .primary`)
	w.sees("Order the change")
	w.fits("en-plan")
}
