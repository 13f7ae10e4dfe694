package httpapi

import (
	"net/http"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

// The handlers below answer from the session alone, as the other services do; they do not query the
// database.

func (a *API) verify(w http.ResponseWriter, r *http.Request) error {
	type answer struct {
		Valid       bool     `json:"valid"`
		UserID      string   `json:"user_id"`
		CustomerID  *string  `json:"customer_id"`
		LineNumber  *string  `json:"line_number"`
		Permissions []string `json:"permissions"`
	}
	p := jwtauth.From(r.Context())
	line := ""
	if len(p.Lines) > 0 {
		line = p.Lines[0]
	}
	return httpjson.Write(w, http.StatusOK, answer{
		Valid: true, UserID: p.UserID, CustomerID: orNull(p.CustomerID), LineNumber: orNull(line),
		Permissions: listOf(p.Permissions),
	})
}

func (a *API) permissions(w http.ResponseWriter, r *http.Request) error {
	type answer struct {
		UserID      string   `json:"user_id"`
		Permissions []string `json:"permissions"`
	}
	p := jwtauth.From(r.Context())
	return httpjson.Write(w, http.StatusOK, answer{UserID: p.UserID, Permissions: listOf(p.Permissions)})
}

func (a *API) checkPermission(w http.ResponseWriter, r *http.Request) error {
	type answer struct {
		UserID        string `json:"user_id"`
		ServiceType   string `json:"service_type"`
		HasPermission bool   `json:"has_permission"`
	}
	var in struct {
		ServiceType string `json:"serviceType"`
	}
	if err := httpjson.Decode(r, &in); err != nil {
		return err
	}
	switch in.ServiceType {
	case identity.PermissionBillInquiry, identity.PermissionProductChange:
	default:
		return fieldFault("serviceType", "BILL_INQUIRY, PRODUCT_CHANGE 중 하나여야 합니다.")
	}
	p := jwtauth.From(r.Context())
	return httpjson.Write(w, http.StatusOK, answer{
		UserID: p.UserID, ServiceType: in.ServiceType, HasPermission: p.Has(in.ServiceType),
	})
}
