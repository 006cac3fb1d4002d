package server

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// route is one row of the table.
type route struct {
	name    string
	path    string   // "/model/{modelId}/converse", "/ui/*", or "" when service chooses
	service string   // of the signature's scope
	stray   bool     // refuses what nobody signed and no path takes
	page    bool     // takes its path from browsers only
	methods []string // none: all
	streams bool
	open    bool // nobody has to be verified
	quiet   bool // logged at debug level
	handle  handler

	segments []string // of path
	subtree  bool     // path ended in /*
}

// maxSegments is how many segments a path may have; operations have five.
const maxSegments = 16

// maxLabels is how many labels a route's path has at most.
const maxLabels = 2

// labels are the decoded values of a route's labels, in order.
type labels [maxLabels]string

// table finds the route of a request. It does not change once it was made.
type table struct {
	first    map[string][]*route // by their first segment
	subtrees []*route            // the longest first
	services map[string]*route
	pages    map[string]*route // by their path
}

func newTable(routes []*route) (*table, error) {
	t := &table{first: map[string][]*route{}, services: map[string]*route{}, pages: map[string]*route{}}
	for _, r := range routes {
		switch {
		case r.handle == nil:
			return nil, fmt.Errorf("server: Mount %q has no Handler", r.name)
		case r.service != "" && r.path == "":
			t.services[r.service] = r
			continue
		case !strings.HasPrefix(r.path, "/") || strings.Contains(r.path, "//"):
			return nil, fmt.Errorf("server: Mount %q: Path %q must begin with / and have no empty segment", r.name, r.path)
		}
		if r.page {
			t.pages[r.path] = r
			continue
		}
		path, subtree := strings.CutSuffix(r.path, "/*")
		r.subtree = subtree
		r.segments = strings.Split(strings.TrimPrefix(path, "/"), "/")
		if subtree {
			t.subtrees = append(t.subtrees, r)
			continue
		}
		for _, other := range t.first[r.segments[0]] {
			if slices.Equal(shape(other.segments), shape(r.segments)) && overlap(other.methods, r.methods) {
				return nil, fmt.Errorf("server: %q and %q have the same path %s", other.name, r.name, r.path)
			}
		}
		t.first[r.segments[0]] = append(t.first[r.segments[0]], r)
	}
	slices.SortStableFunc(t.subtrees, func(a, b *route) int { return len(b.segments) - len(a.segments) })
	return t, nil
}

// shape is a path with the names of its labels left out.
func shape(segments []string) []string {
	s := slices.Clone(segments)
	for i := range s {
		if isLabel(s[i]) {
			s[i] = "{}"
		}
	}
	return s
}

func overlap(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(m string) bool { return slices.Contains(b, m) })
}

func isLabel(segment string) bool { return strings.HasPrefix(segment, "{") }

// find looks a request up. The path is the escaped one: a label is one
// segment, in which %2F is a slash of its value and not of the path.
func (t *table) find(method, escaped string, values *labels) (*route, error) {
	var buf [maxSegments]string
	segments, err := split(escaped, buf[:0])
	if err != nil {
		return nil, err
	}
	var other *route // the same path with another method
	for _, r := range t.first[segments[0]] {
		if !r.matches(segments) {
			continue
		}
		if r.allows(method) {
			return r, r.read(segments, values)
		}
		other = r
	}
	if other != nil {
		return nil, &statusError{
			status: http.StatusMethodNotAllowed,
			header: http.Header{"Allow": {strings.Join(t.allowed(segments), ", ")}},
			err: outcrop.Errorf(bedrock.CodeUnknownOperation, "%s takes the method %s, not %s.",
				other.name, strings.Join(t.allowed(segments), " or "), quote(method)),
		}
	}
	for _, r := range t.subtrees {
		if len(segments) >= len(r.segments) && slices.Equal(segments[:len(r.segments)], r.segments) && r.allows(method) {
			return r, nil
		}
	}
	return nil, outcrop.Errorf(bedrock.CodeUnknownOperation, "No operation has the path %s.", quote(escaped))
}

// escapedPath is u.EscapedPath, without its allocation for the path of a model
// whose id has a colon.
func escapedPath(u *url.URL) string {
	raw, n := u.RawPath, 0
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '%' && i+2 < len(raw) && unhex(raw[i+1]) < 16 && unhex(raw[i+2]) < 16:
			c = unhex(raw[i+1])<<4 | unhex(raw[i+2])
			i += 2
		case !plainInPath[c]:
			return u.EscapedPath()
		}
		if n == len(u.Path) || u.Path[n] != c {
			return u.EscapedPath() // somebody has changed the path
		}
		n++
	}
	if raw == "" || n != len(u.Path) {
		return u.EscapedPath()
	}
	return raw
}

// plainInPath marks most of the bytes that may stand in a path as they are.
var plainInPath = func() (table [256]bool) {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-._:"
	for i := range len(plain) {
		table[plain[i]] = true
	}
	return table
}()

// unhex is the value of a hexadecimal digit, and 16 of others.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

// allowed are the methods of all routes with a path.
func (t *table) allowed(segments []string) []string {
	var methods []string
	for _, r := range t.first[segments[0]] {
		if r.matches(segments) {
			methods = append(methods, r.methods...)
		}
	}
	return methods
}

// split cuts an escaped path into its segments, still escaped.
func split(escaped string, segments []string) ([]string, error) {
	rest, ok := strings.CutPrefix(escaped, "/")
	if !ok {
		return nil, outcrop.Errorf(bedrock.CodeUnknownOperation, "The path %s does not begin with a slash.", quote(escaped))
	}
	for {
		segment, tail, more := strings.Cut(rest, "/")
		if segment == "" && (more || len(segments) > 0) {
			return nil, outcrop.Errorf(bedrock.CodeUnknownOperation, "The path %s has an empty segment.", quote(escaped))
		}
		if len(segments) == maxSegments {
			return nil, outcrop.Errorf(bedrock.CodeUnknownOperation, "The path %s has more than %d segments.", quote(escaped), maxSegments)
		}
		segments = append(segments, segment)
		if !more {
			return segments, nil
		}
		rest = tail
	}
}

func (r *route) matches(segments []string) bool {
	if len(segments) != len(r.segments) {
		return false
	}
	for i, want := range r.segments {
		if want != segments[i] && !isLabel(want) {
			return false
		}
	}
	return true
}

func (r *route) allows(method string) bool {
	return len(r.methods) == 0 || slices.Contains(r.methods, method)
}

// maxLabel is the longest value of a label; the API's models say 2,048 for
// the longest identifier.
const maxLabel = 2048

// read decodes the values of the route's labels.
func (r *route) read(segments []string, values *labels) error {
	n := 0
	for i, name := range r.segments {
		if !isLabel(name) {
			continue
		}
		value, ok := unescape(segments[i])
		field := strings.Trim(name, "{}")
		switch {
		case !ok:
			return outcrop.Invalid(field, "the path has an invalid escape")
		case len(value) > maxLabel:
			return outcrop.Invalid(field, "the identifier is longer than %d bytes", maxLabel)
		case strings.ContainsFunc(value, notInIdentifier):
			return outcrop.Invalid(field, "the identifier %s has a character that no identifier has", quote(value))
		}
		values[n] = value
		n++
	}
	return nil
}

// unescape is url.PathUnescape at a fraction of its cost.
func unescape(segment string) (value string, ok bool) {
	if !strings.Contains(segment, "%") {
		return segment, true
	}
	var plain strings.Builder
	plain.Grow(len(segment))
	for i := 0; i < len(segment); i++ {
		c := segment[i]
		if c == '%' {
			if i+2 >= len(segment) || unhex(segment[i+1]) == 16 || unhex(segment[i+2]) == 16 {
				return "", false
			}
			c = unhex(segment[i+1])<<4 | unhex(segment[i+2])
			i += 2
		}
		plain.WriteByte(c)
	}
	return plain.String(), true
}

// notInIdentifier leaves out what would be trouble in logs and upstream paths;
// what an identifier looks like is a back-end's business.
func notInIdentifier(r rune) bool { return r <= ' ' || r >= 0x7f }

// notServed refuses an operation that AWS has and Outcrop has not.
func notServed(x *exchange) error {
	return outcrop.Errorf(bedrock.CodeUnknownOperation, "%s is an operation of Amazon Bedrock that Outcrop does not serve.", x.route.name)
}
