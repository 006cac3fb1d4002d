package servicequotas

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop/sigv4"
)

// Service is the name of the service in a signature's scope.
const Service = "servicequotas"

// Handler answers ListServiceQuotas and GetServiceQuota, by AWS's protocol
// (JSON 1.1, the operation in X-Amz-Target), for the service code bedrock. It
// is safe for concurrent use, as far as Quotas is.
type Handler struct {
	// Quotas are what is answered.
	Quotas func() []Quota

	// Verifier checks signatures; its Services must have Service. Nil lets
	// everybody in.
	Verifier *sigv4.Verifier

	// Region and Account stand in ARNs where the request names none.
	Region, Account string
}

const (
	target      = "ServiceQuotasV20190624."
	maxBody     = 64 << 10
	pageSize    = 100
	code        = "bedrock"
	serviceName = "Amazon Bedrock"
)

// request has the members of both operations.
type request struct {
	ServiceCode string `json:"ServiceCode"`
	QuotaCode   string `json:"QuotaCode"`
	MaxResults  int    `json:"MaxResults"`
	NextToken   string `json:"NextToken"`
}

// quota is the API's structure.
type quota struct {
	ServiceCode string  `json:"ServiceCode"`
	ServiceName string  `json:"ServiceName"`
	QuotaArn    string  `json:"QuotaArn"`
	QuotaCode   string  `json:"QuotaCode"`
	QuotaName   string  `json:"QuotaName"`
	Value       float64 `json:"Value"`
	Unit        string  `json:"Unit"`
	Adjustable  bool    `json:"Adjustable"`
	GlobalQuota bool    `json:"GlobalQuota"`
}

// problem is an error of the API.
type problem struct {
	status        int
	kind, message string
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	value, p := h.answer(w, r)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if p != nil {
		w.Header().Set("X-Amzn-Errortype", p.kind)
		w.WriteHeader(p.status)
		value = map[string]string{"__type": p.kind, "Message": p.message, "message": p.message}
	}
	_ = json.NewEncoder(w).Encode(value) // a client that has gone is told nothing
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request) (any, *problem) {
	if r.Method != http.MethodPost || r.URL.Path != "/" {
		return nil, &problem{http.StatusNotFound, "UnknownOperationException", "Service Quotas takes POST /."}
	}
	region, account := h.Region, h.Account
	var claims *sigv4.Request
	if parsed, err := sigv4.Parse(r); err == nil {
		claims = parsed
		if claims.Scope.Region != "" {
			region = claims.Scope.Region
		}
	} else if h.Verifier != nil {
		return nil, refused(err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, &problem{http.StatusBadRequest, "SerializationException", "The body cannot be read, or is too large."}
	}
	if h.Verifier != nil {
		id, err := h.Verifier.Verify(claims, body)
		if err != nil {
			return nil, refused(err)
		}
		account = id.Tenant.Account
	}
	var req request
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, &problem{http.StatusBadRequest, "SerializationException", "The body is no JSON object of the operation."}
	}
	operation, _ := strings.CutPrefix(r.Header.Get("X-Amz-Target"), target)
	if operation != "ListServiceQuotas" && operation != "GetServiceQuota" {
		return nil, &problem{http.StatusBadRequest, "UnknownOperationException", "Of Service Quotas, ListServiceQuotas and GetServiceQuota are served here."}
	}
	if req.ServiceCode != code {
		return nil, &problem{http.StatusBadRequest, "NoSuchResourceException", "The request failed because the specified service does not exist: there is " + code + "."}
	}
	prefix := "arn:aws:servicequotas:" + region + ":" + account + ":" + code + "/"
	if operation == "GetServiceQuota" {
		return h.get(&req, prefix)
	}
	return h.list(&req, prefix)
}

func refused(err error) *problem {
	if e, ok := err.(*sigv4.Error); ok { //nolint:errorlint // it is what the package returns
		return &problem{e.Status, e.Code, e.Message}
	}
	return &problem{http.StatusForbidden, "AccessDeniedException", "The request is not signed."}
}

func (h *Handler) get(req *request, prefix string) (any, *problem) {
	for _, q := range h.Quotas() {
		if q.Code == req.QuotaCode {
			return map[string]quota{"Quota": wire(&q, prefix)}, nil
		}
	}
	return nil, &problem{http.StatusBadRequest, "NoSuchResourceException", "The request failed because the specified quota does not exist."}
}

// list is a page of the quotas. The token is where the next begins.
func (h *Handler) list(req *request, prefix string) (any, *problem) {
	all := h.Quotas()
	from := 0
	if req.NextToken != "" {
		n, err := strconv.Atoi(req.NextToken)
		if err != nil || n < 0 || n > len(all) {
			return nil, &problem{http.StatusBadRequest, "InvalidPaginationTokenException", "Invalid input was provided."}
		}
		from = n
	}
	size := req.MaxResults
	if size < 0 || size > pageSize {
		return nil, &problem{http.StatusBadRequest, "IllegalArgumentException", "MaxResults: expected 1 to 100."}
	}
	if size == 0 {
		size = pageSize
	}
	page := struct {
		Quotas    []quota
		NextToken string `json:",omitempty"`
	}{Quotas: []quota{}}
	for i := from; i < len(all); i++ {
		if len(page.Quotas) == size {
			page.NextToken = strconv.Itoa(i)
			break
		}
		if req.QuotaCode == "" || req.QuotaCode == all[i].Code {
			page.Quotas = append(page.Quotas, wire(&all[i], prefix))
		}
	}
	return page, nil
}

func wire(q *Quota, prefix string) quota {
	return quota{
		ServiceCode: code, ServiceName: serviceName, QuotaArn: prefix + q.Code, QuotaCode: q.Code, QuotaName: q.Name,
		Value: q.Value, Unit: "None", Adjustable: true,
	}
}
