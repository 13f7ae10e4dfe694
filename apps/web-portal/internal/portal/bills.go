package portal

import (
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/phonebill/phonebill/apps/internal/pathvalue"
	"github.com/phonebill/phonebill/apps/web-portal/internal/pages"
	"github.com/phonebill/phonebill/apps/web-portal/internal/text"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// home shows plan and bill, which it asks for at the same time.
func (p *Portal) home(v *visit) error {
	content := pages.Home{Plans: v.session.May(mayChange), Bills: v.session.May(mayInquire) && v.session.Line != ""}
	var group errgroup.Group
	if content.Plans {
		group.Go(func() error {
			content.Subscriber = part(p.Services.Subscriber(v.r.Context(), v.session.Access))
			return nil
		})
	}
	if content.Bills {
		group.Go(func() error {
			content.Bill = part(p.Services.Inquire(v.r.Context(), v.session.Access, v.session.Line, ""))
			return nil
		})
	}
	_ = group.Wait() // never fails
	if err := ended(content.Subscriber.Failure, content.Bill.Failure); err != nil {
		return err
	}
	reload := soonest(content.Subscriber.Failure, content.Bill.Failure)
	if content.Subscriber.Value.Waits() {
		reload = earlier(reload, clampWait(content.Subscriber.Value.Estimated))
	}
	if content.Bill.Value.Waits() {
		reload = earlier(reload, estimate(content.Bill.Value))
	}
	return p.show(v, http.StatusOK, "home", pages.Frame{Title: v.text("Home"), Active: "home", Reload: reload, Content: content})
}

// keep answers the script, which keeps the session alive.
func (p *Portal) keep(v *visit) error {
	if _, err := p.Services.User(v.r.Context(), v.session.Access); err != nil {
		return err
	}
	v.w.WriteHeader(http.StatusNoContent)
	return nil
}

// estimate returns after how many seconds a queued inquiry is asked for again.
func estimate(inquiry upstream.Inquiry) int {
	if inquiry.Estimated == nil {
		return shortestWait
	}
	return min(clampWait(*inquiry.Estimated), 5) // the place in the queue is shown meanwhile
}

// bill shows the bill of a month.
func (p *Portal) bill(v *visit) error {
	wanted := v.r.FormValue("month")
	var menu upstream.BillMenu
	var inquiry upstream.Inquiry
	group, ctx := errgroup.WithContext(v.r.Context())
	group.Go(func() (err error) {
		inquiry, err = p.Services.Inquire(ctx, v.session.Access, v.session.Line, wanted)
		return err
	})
	group.Go(func() (err error) {
		if menu, err = p.Services.BillMenu(ctx, v.session.Access); upstream.Is(err, upstream.CodeUnauthenticated) {
			return err
		}
		return nil // without the menu, the page has no choice of months
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if inquiry.Waits() {
		return v.redirect("/bills/inquiries/" + inquiry.ID)
	}
	return p.showBill(v, inquiry, menu.Months)
}

func (p *Portal) showBill(v *visit, inquiry upstream.Inquiry, months []string) error {
	content := pages.Bill{Inquiry: inquiry, Bill: inquiry.Bill, Months: months}
	if inquiry.Bill != nil {
		content.Month = text.DashedMonth(inquiry.Bill.Month)
	}
	return p.show(v, http.StatusOK, "bill", pages.Frame{Title: v.text("Bill of %s", v.lang.Month(content.Month)), Active: "bills", Content: content})
}

// inquiry shows the place of an inquiry in the queue and, in the end, the bill.
func (p *Portal) inquiry(v *visit) error {
	id, err := pathvalue.UUID(v.r, "id", notFound)
	if err != nil {
		return err
	}
	inquiry, err := p.Services.Inquiry(v.r.Context(), v.session.Access, id)
	if err != nil {
		return err
	}
	switch {
	case inquiry.Bill != nil:
		return v.redirect("/bills?month=" + text.DashedMonth(inquiry.Bill.Month))
	case !inquiry.Waits():
		return p.notice(v, http.StatusOK, pages.Notice{Heading: v.text("The bill is not available"), Text: v.lang.Unanswered(inquiry.Message), Link: "/bills", LinkText: v.text("Ask again")})
	}
	content := pages.Waiting{What: v.text("Asking for the bill")}
	if inquiry.Position != nil && inquiry.Estimated != nil {
		content.Position, content.Estimated = *inquiry.Position, *inquiry.Estimated
	}
	return p.show(v, http.StatusOK, "waiting", pages.Frame{Title: content.What, Active: "bills", Reload: estimate(inquiry), Content: content})
}

// months shows the last months as bars, which it asks for at the same time.
func (p *Portal) months(v *visit) error {
	menu, err := p.Services.BillMenu(v.r.Context(), v.session.Access)
	if err != nil {
		return err
	}
	months := make([]pages.Month, len(menu.Months))
	var group errgroup.Group
	for i, month := range menu.Months {
		group.Go(func() error {
			months[i] = pages.Month{Month: month, Part: part(p.Services.Inquire(v.r.Context(), v.session.Access, v.session.Line, month))}
			return nil
		})
	}
	_ = group.Wait() // never fails
	reload := 0
	for _, month := range months {
		if err := ended(month.Failure); err != nil {
			return err
		}
		if month.Value.Waits() {
			reload = earlier(reload, max(estimate(month.Value), 5))
		}
		reload = earlier(reload, soonest(month.Failure))
	}
	content := pages.NewMonths(months, menu.Current)
	return p.show(v, http.StatusOK, "months", pages.Frame{Title: v.text("Bills of the last 6 months"), Active: "bills", Reload: reload, Content: content})
}

// inquiries shows the history of inquiries.
func (p *Portal) inquiries(v *visit) error {
	items, page, err := p.Services.Inquiries(v.r.Context(), v.session.Access, pageNumber(v.r))
	if err != nil {
		return err
	}
	content := pages.History[upstream.PastInquiry]{Items: items, Page: page}
	return p.show(v, http.StatusOK, "inquiries", pages.Frame{Title: v.text("Inquiries"), Active: "bills", Content: content})
}

// notFound is the failure for an id that no service has given.
var notFound = &upstream.Failure{Status: http.StatusNotFound, Code: "NOT_FOUND"}

// pageNumber returns the page of a history. Pages end after 10,000 rows.
func pageNumber(r *http.Request) int {
	number, err := strconv.Atoi(r.FormValue("page"))
	if err != nil || number < 1 || number > 1000 {
		return 1
	}
	return number
}

// today returns the day in Seoul, a number of days ahead.
func (p *Portal) today(ahead int) string {
	return p.Now().In(seoul).AddDate(0, 0, ahead).Format(time.DateOnly)
}

// seoul is the time zone of days.
var seoul = time.FixedZone("KST", 9*60*60)
