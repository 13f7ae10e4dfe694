package httpapi

import (
	"slices"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
)

// billAnswer has the members of an inquiry's answer that follow from its bill.
type billAnswer struct {
	BillInfo     *billInfo     `json:"billInfo"`
	CustomerInfo *customerInfo `json:"customerInfo"`
	AsOf         time.Time     `json:"asOf"`
	Stale        bool          `json:"stale"`
}

func newBillAnswer(b *bill.Bill) billAnswer {
	return billAnswer{
		BillInfo: newBillInfo(*b), CustomerInfo: newCustomerInfo(b.Customer), AsOf: b.AsOf.In(bill.Seoul), Stale: b.Stale,
	}
}

// billAnswers encodes the answers of bills, and keeps the JSON of those that were shown
// recently. It is used only for a bill that equals the encoded one in every member, so
// that it never shows anything else than that bill.
type billAnswers struct {
	recent *otter.Cache[answerKey, encodedBill]
}

type answerKey struct {
	subscription bill.Subscription
	month        bill.Month
}

type encodedBill struct {
	bill bill.Bill
	json httpjson.Members
}

// The size and the lifetime are those of L1.
const (
	maxAnswers = 2_000
	answerLife = 5 * time.Minute
)

func newBillAnswers() *billAnswers {
	return &billAnswers{recent: otter.Must(&otter.Options[answerKey, encodedBill]{
		MaximumSize:      maxAnswers,
		ExpiryCalculator: otter.ExpiryWriting[answerKey, encodedBill](answerLife),
	})}
}

// encode returns the members of b's billAnswer.
func (a *billAnswers) encode(b *bill.Bill) (httpjson.Members, error) {
	key := answerKey{b.Subscription(), b.Month}
	if known, ok := a.recent.GetIfPresent(key); ok && sameBill(&known.bill, b) {
		return known.json, nil
	}
	members, err := httpjson.Encode(newBillAnswer(b))
	if err != nil {
		return nil, err
	}
	a.recent.Set(key, encodedBill{*b, members})
	return members, nil
}

// sameBill reports whether two bills are equal in every member.
func sameBill(a, b *bill.Bill) bool {
	return a.Line == b.Line && a.Month == b.Month && a.Final == b.Final && a.AsOf.Equal(b.AsOf) &&
		a.Stale == b.Stale && a.Outdated == b.Outdated && a.Fetched == b.Fetched && a.Customer == b.Customer &&
		a.ProductCode == b.ProductCode && a.ProductName == b.ProductName && sameCharges(&a.Charges, &b.Charges) &&
		a.Usage == b.Usage && a.Status == b.Status && a.DueDate == b.DueDate && a.Contract == b.Contract &&
		a.TerminationFee == b.TerminationFee && a.DeviceInstallment == b.DeviceInstallment && a.Payment == b.Payment
}

func sameCharges(a, b *bill.Charges) bool {
	return a.Monthly == b.Monthly && a.Usage == b.Usage && a.Discount == b.Discount && a.Total == b.Total &&
		slices.Equal(a.Periods, b.Periods) && slices.Equal(a.Discounts, b.Discounts)
}
