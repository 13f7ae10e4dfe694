package product_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const line = msisdn.Number("01012345678")

var own = product.Subscription{Customer: "CUST001", Line: line}

var (
	premium   = product.Product{Code: "5G-PREMIUM-001", Name: "5G 프리미엄", Operator: "KT", OnSale: true}
	basic     = product.Product{Code: "LTE-BASIC-001", Name: "LTE 베이직", Operator: "KT", OnSale: true}
	old       = product.Product{Code: "3G-OLD-001", Name: "3G 올드", Operator: "KT"}
	elsewhere = product.Product{Code: "LGU-5G-LITE-001", Name: "LGU 5G 라이트", Operator: "LGU", OnSale: true}
	catalogue = product.Catalogue{Products: []product.Product{premium, basic, old, elsewhere}}
)

func holder(plan product.Product) product.Subscriber {
	return product.Subscriber{Line: line, CustomerID: "CUST001", LineStatus: product.Active, Product: plan}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	suspended := holder(premium)
	suspended.LineStatus = "SUSPENDED"
	tests := map[string]struct {
		subscriber      product.Subscriber
		current, target string
		failed          []product.CheckType
		reason          string
	}{
		"all is well":              {holder(premium), premium.Code, basic.Code, nil, ""},
		"from a discontinued plan": {holder(old), old.Code, basic.Code, nil, ""},
		"no such plan":             {holder(premium), premium.Code, "NONE", []product.CheckType{product.Available, product.Operator}, "존재하지 않는 상품입니다."},
		"discontinued":             {holder(premium), premium.Code, old.Code, []product.CheckType{product.Available}, "판매가 종료된 상품입니다."},
		"the same plan":            {holder(premium), premium.Code, premium.Code, []product.CheckType{product.Available}, "이미 이용 중인 상품입니다."},
		"another operator's":       {holder(premium), premium.Code, elsewhere.Code, []product.CheckType{product.Operator}, "다른 통신사의 상품으로는 변경할 수 없습니다."},
		"suspended":                {suspended, premium.Code, basic.Code, []product.CheckType{product.LineStatus}, "사용 중인 회선이 아닙니다."},
		"another current plan":     {holder(premium), basic.Code, old.Code, []product.CheckType{product.Available, product.CurrentMatch}, "판매가 종료된 상품입니다."},
		"everything is wrong": {suspended, basic.Code, "NONE", []product.CheckType{
			product.Available, product.Operator, product.LineStatus, product.CurrentMatch,
		}, "존재하지 않는 상품입니다."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := product.Inspect(test.subscriber, catalogue, test.current, test.target)
			var failed []product.CheckType
			for _, check := range got.Checks {
				if !check.Passed {
					failed = append(failed, check.Type)
				}
				if got.Failed(check.Type) == check.Passed || check.Message == "" {
					t.Errorf("%+v", check)
				}
			}
			if diff := cmp.Diff(test.failed, failed); diff != "" || len(got.Checks) != 4 {
				t.Errorf("%d checks, failed (-want +got):\n%s", len(got.Checks), diff)
			}
			if got.FailureReason() != test.reason || got.Passed() != (test.reason == "") {
				t.Errorf("reason %q, passed %t", got.FailureReason(), got.Passed())
			}
		})
	}
}

func TestOffers(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]product.Product{basic}, catalogue.Offers(premium.Code, "KT")); diff != "" {
		t.Errorf("beside the premium plan:\n%s", diff)
	}
	if got := catalogue.Offers(premium.Code, "SKT"); got == nil || len(got) != 0 {
		t.Errorf("of an operator without plans: %#v", got)
	}
}
