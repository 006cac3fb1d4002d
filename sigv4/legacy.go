package sigv4

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Signature Version 2 is made with it
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Presigned URLs of Signature Version 2: boto3 and version 1 of the AWS CLI
// still make them by default, for S3 in its oldest Regions. They are accepted
// where VerifyHead is asked, for S3 alone, and nowhere else; so is no header
// of that version.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
const (
	legacyKeyID     = "AWSAccessKeyId"
	legacySignature = "Signature"
	legacyExpires   = "Expires"
)

// legacySigned are the parameters of the query that are signed: those that
// choose an operation or a version, and those that replace headers.
var legacySigned = []string{
	"accelerate", "acl", "cors", "defaultObjectAcl", "delete", "lifecycle", "location", "logging", "notification",
	"partNumber", "policy", "replication", "requestPayment", "response-cache-control", "response-content-disposition",
	"response-content-encoding", "response-content-language", "response-content-type", "response-expires", "restore",
	"tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
}

// isLegacy tells whether a query has all parts of such a signature.
func isLegacy(query string) bool {
	query = "&" + query
	return strings.Contains(query, "&"+legacyKeyID+"=") && strings.Contains(query, "&"+legacySignature+"=") && strings.Contains(query, "&"+legacyExpires+"=")
}

func parseLegacy(r *http.Request, query string) (*Request, *Error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fail(Incomplete, "The query string cannot be read.")
	}
	for _, name := range []string{legacyKeyID, legacySignature, legacyExpires} {
		if len(values[name]) != 1 || values.Get(name) == "" || len(values.Get(name)) > MaxAuthorization {
			return nil, fail(Incomplete, "AWS query-string parameters must include '%s' once. Re-examine the query-string parameters.", name)
		}
	}
	seconds, err := strconv.ParseInt(values.Get(legacyExpires), 10, 64)
	if err != nil {
		return nil, fail(Incomplete, "Expires must be a number of seconds since 1970.")
	}
	return &Request{
		Scheme: LegacyQuery, AccessKeyID: values.Get(legacyKeyID), Scope: Scope{Service: serviceS3},
		Time: time.Unix(seconds, 0), PayloadHash: unsignedPayload, http: r, legacy: values.Get(legacySignature),
	}, nil
}

// verifyLegacy checks such a URL.
func (v *Verifier) verifyLegacy(req *Request) (Identity, *Error) {
	if len(v.Services) > 0 && !slices.Contains(v.Services, serviceS3) {
		return Identity{}, fail(BadScope, "Credential should be scoped to correct service: '%s'.", strings.Join(v.Services, "', '"))
	}
	if v.Keys == nil {
		return Identity{}, errUnknownKey()
	}
	key, ok := v.Keys.Key(req.AccessKeyID)
	if !ok || key.Secret == "" {
		return Identity{}, errUnknownKey()
	}
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	t := now()
	if t.After(req.Time) {
		return Identity{}, fail(Expired, "Request has expired: %s is later than %s", stamp(t), stamp(req.Time))
	}
	if req.Time.After(t.Add(MaxExpires)) {
		return Identity{}, fail(NotYetCurrent, "Expires is more than %d seconds away.", MaxExpires/time.Second)
	}
	if !hmac.Equal([]byte(signLegacy(key.Secret, req.legacyText())), []byte(req.legacy)) {
		return Identity{}, errMismatch()
	}
	return Identity{Tenant: key.Tenant, AccessKeyID: req.AccessKeyID}, nil
}

func signLegacy(secret, text string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// legacyText is what was signed. Its resource begins with the bucket, whether
// that stood in the path or in the host's name. This version does not sign the
// host: the bucket in it has to be the one that is served, or a URL for one
// object would open others.
func (req *Request) legacyText() string {
	r := req.http
	path, query := target(r)
	var head strings.Builder
	head.WriteString(r.Method + "\n" + r.Header.Get("Content-Md5") + "\n" + r.Header.Get("Content-Type") + "\n" +
		strconv.FormatInt(req.Time.Unix(), 10) + "\n")
	var names []string
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") {
			names = append(names, lower)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		head.WriteString(name + ":" + strings.Join(r.Header.Values(name), ",") + "\n")
	}
	if bucket := HostBucket(r.Host); bucket != "" {
		head.WriteString("/" + bucket)
	}
	return head.String() + path + legacyResource(query)
}

// legacyResource is the signed part of the query, sorted.
func legacyResource(query string) string {
	var signed []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, given := strings.Cut(pair, "=")
		if !slices.Contains(legacySigned, name) {
			continue
		}
		if text, err := url.QueryUnescape(value); err == nil && given {
			name += "=" + text
		}
		signed = append(signed, name)
	}
	if signed == nil {
		return ""
	}
	slices.Sort(signed)
	return "?" + strings.Join(signed, "&")
}
