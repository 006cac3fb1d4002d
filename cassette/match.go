package cassette

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// request is what a call is found again by.
type request struct {
	Operation string
	Model     string
	Params    map[string]string
	Body      []byte // redacted; as it came
	normal    []byte // the same without what does not count
}

// secrets are what is struck out of bodies: access key ids, Bedrock's own API
// keys, bearer tokens, and keys of the kind sk-….
var secrets = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bABSK[A-Za-z0-9+/=]{20,}|\bsk-[A-Za-z0-9_-]{20,}|Bearer [A-Za-z0-9._~+/=-]{16,}`)

// redacted is a body without what looks like a secret.
func (c *Config) redacted(body []byte) []byte {
	if c.Redact != nil {
		body = c.Redact(body)
	}
	return secrets.ReplaceAll(body, []byte("[redacted]"))
}

// requestOf reads a call.
func (c *Config) requestOf(call *outcrop.Call) (*request, error) {
	r := &request{Operation: call.Operation, Model: call.ModelID, Params: guarded(call), Body: call.Raw}
	if r.Body == nil && (call.Operation == bedrock.OpConverse || call.Operation == bedrock.OpConverseStream) {
		var err error
		if r.Body, err = call.Body(); err != nil {
			return nil, outcrop.AsError(err)
		}
	}
	r.Body = c.redacted(r.Body)
	r.normal = c.normalize(r.Body)
	return r, nil
}

// guarded are a call's params with the guardrail that InvokeModel names in its
// headers: a reply that passed one answers no request without it.
func guarded(call *outcrop.Call) map[string]string {
	params := call.Params
	for name, value := range call.Header {
		if name = textproto.CanonicalMIMEHeaderKey(name); strings.HasPrefix(name, "X-Amzn-Bedrock-Guardrail") {
			if params = maps.Clone(params); params == nil {
				params = map[string]string{}
			}
			params[name] = value
		}
	}
	return params
}

// normalize is a JSON body in one form: without white space, members sorted,
// numbers and strings written in one way, and without the ignored members. A
// body that is no JSON stays as it is.
func (c *Config) normalize(body []byte) []byte {
	var members map[string]bedrock.Document
	normal := bedrock.Document(slices.Clone(body))
	if bedrock.Unmarshal(body, &members) == nil && members != nil {
		for _, name := range c.Ignore {
			delete(members, name)
		}
		if text, err := bedrock.Marshal(members); err == nil {
			normal = text
		}
	}
	if normal.Canonicalize() != nil {
		return body
	}
	return normal
}

// key is the request's name: equal for equal requests.
func (r *request) key() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q", r.Operation, r.Model)
	for _, name := range sortedNames(r.Params) {
		fmt.Fprintf(h, " %q=%q", name, r.Params[name])
	}
	fmt.Fprintf(h, "\n%s", r.normal)
	return strings.ToLower(r.Operation) + "-" + hex.EncodeToString(h.Sum(nil)[:8])
}

func sortedNames(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// missing is the error of a request that was not recorded. It tells what
// differs from the nearest one by place and size, and by value only for what
// is no text: prompts do not get into errors.
func missing(asked *request, recorded []*exchange) *outcrop.Error {
	nearest, lines := near(asked, recorded)
	if nearest == nil {
		return outcrop.Errorf(bedrock.CodeResourceNotFound, "no exchange is recorded, and %s of %s was asked for", asked.Operation, asked.Model)
	}
	return outcrop.Errorf(bedrock.CodeResourceNotFound, "%s of %s is not recorded; the nearest is %s, which differs: %s",
		asked.Operation, asked.Model, nearest.file, strings.Join(lines, "; "))
}

// maxDifferences is how many differences an error lists.
const maxDifferences = 6

// near finds the recorded request with the fewest differences.
func near(asked *request, recorded []*exchange) (*exchange, []string) {
	var best *exchange
	var fewest []string
	for _, e := range recorded {
		lines := differences(&e.request, asked)
		if best == nil || len(lines) < len(fewest) {
			best, fewest = e, lines
		}
	}
	if len(fewest) > maxDifferences {
		more := len(fewest) - maxDifferences
		fewest = append(fewest[:maxDifferences], fmt.Sprintf("and %d more", more))
	}
	return best, fewest
}

// differences tells what in a request is not as in the recorded one. Another
// operation or model weighs more than anything in the body.
func differences(recorded, asked *request) []string {
	var lines []string
	if recorded.Operation != asked.Operation {
		lines = append(lines, fmt.Sprintf("operation %s recorded, %s asked", recorded.Operation, asked.Operation))
	}
	if recorded.Model != asked.Model {
		lines = append(lines, fmt.Sprintf("model %s recorded, %s asked", recorded.Model, asked.Model))
	}
	was, is := map[string]bedrock.Document{}, map[string]bedrock.Document{}
	flatten(was, "", recorded.normal)
	flatten(is, "", asked.normal)
	for name, value := range recorded.Params {
		was[name] = quoted(value)
	}
	for name, value := range asked.Params {
		is[name] = quoted(value)
	}
	var paths []string
	for path := range was {
		paths = append(paths, path)
	}
	for path := range is {
		if _, both := was[path]; !both {
			paths = append(paths, path)
		}
	}
	slices.SortFunc(paths, comparePaths)
	for _, path := range paths {
		if line := differ(was[path], is[path]); line != "" {
			lines = append(lines, cmp.Or(path, "body")+": "+line)
		}
	}
	return lines
}

func quoted(s string) bedrock.Document {
	text, err := bedrock.Marshal(s)
	if err != nil {
		return nil
	}
	return text
}

// comparePaths sorts messages.2 before messages.10.
func comparePaths(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		i, errX := strconv.Atoi(x)
		j, errY := strconv.Atoi(y)
		if errX == nil && errY == nil {
			return cmp.Compare(i, j)
		}
		return cmp.Compare(x, y)
	})
}

// flatten lists the leaves of a JSON value by their paths.
func flatten(leaves map[string]bedrock.Document, path string, value bedrock.Document) {
	var members map[string]bedrock.Document
	var items []bedrock.Document
	switch {
	case value.Kind() == '{' && bedrock.Unmarshal(value, &members) == nil && len(members) > 0:
		for name, member := range members {
			flatten(leaves, join(path, name), member)
		}
	case value.Kind() == '[' && bedrock.Unmarshal(value, &items) == nil && len(items) > 0:
		for i, item := range items {
			flatten(leaves, join(path, strconv.Itoa(i)), item)
		}
	case len(value) > 0:
		leaves[path] = value
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// differ tells how two leaves differ; "" when they do not.
func differ(was, is bedrock.Document) string {
	switch {
	case was == nil:
		return "not recorded, asked " + shown(is)
	case is == nil:
		return "recorded " + shown(was) + ", not asked"
	case string(was) == string(is):
		return ""
	}
	line := "recorded " + shown(was) + ", asked " + shown(is)
	if was.Kind() == '"' && is.Kind() == '"' {
		at := 0
		for at < len(was) && at < len(is) && was[at] == is[at] {
			at++
		}
		line += fmt.Sprintf(", which differ from byte %d", at)
	}
	return line
}

// shown is a leaf without its text.
func shown(value bedrock.Document) string {
	switch value.Kind() {
	case '"':
		return fmt.Sprintf("a string of %d bytes", len(value)-2)
	case '{':
		return "an empty object"
	case '[':
		return "an empty array"
	}
	return fmt.Sprintf("%.40s", value)
}
