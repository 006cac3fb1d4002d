package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/internal/near"
)

// The kinds of back-ends.
const (
	KindSimulator = "simulator"
	KindOpenAI    = "openai"
	KindAmazon    = "amazon"
)

// BatchOnDemand is the value of Backend.Batch that keeps jobs here.
const BatchOnDemand = "onDemand"

// The stores of objects.
const (
	StoreDirectory = "directory"
	StoreS3        = "s3"
)

var (
	regionForm  = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d+$`)
	accountForm = regexp.MustCompile(`^\d{12}$`)
)

// check completes what settings imply, and refuses what makes no sense
// together.
func (c *Config) check() error {
	var errs []error
	fail := func(path, format string, args ...any) {
		if len(errs) < maxErrors {
			errs = append(errs, c.failure(path, format, args...))
		}
	}
	if err := c.chooseBackend(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Backends)) {
		c.checkBackend(name, fail)
	}
	c.checkModels(fail)
	c.checkQuotas(fail)
	c.checkPrices(fail)
	c.checkTenants(fail)
	if !regionForm.MatchString(c.Region) {
		fail("region", "expected a Region such as us-east-1")
	}
	c.checkObjects(fail)
	c.checkEvents(fail)
	if _, _, err := net.SplitHostPort(c.Server.Listen); err != nil {
		fail("server.listen", "expected an address with a port, such as 127.0.0.1:8777")
	}
	if !accountForm.MatchString(c.Server.Account) {
		fail("server.account", "expected 12 digits in quotes")
	}
	if (c.Server.TLSCert == "") != (c.Server.TLSKey == "") {
		fail("server", "--tls-cert and --tls-key go together, as tlsCert and tlsKey do here")
	}
	if c.Conversations.EncryptionKeyEnv != "" && c.Conversations.EncryptionKeyFile != "" {
		fail("conversations", "expected one of encryptionKeyEnv and encryptionKeyFile, not both")
	}
	if c.Cassette.Record != "" && c.Cassette.Replay != "" {
		fail("cassette", "--record and --replay exclude each other, as record and replay do here")
	}
	if c.Circuit.MaxOpen < c.Circuit.Open {
		fail("circuit.maxOpen", "expected no less than circuit.open")
	}
	if c.Simulator.Jitter > 1 {
		fail("simulator.jitter", "expected a number from 0 to 1")
	}
	return errors.Join(errs...)
}

// checkObjects holds the settings of S3 against each other.
func (c *Config) checkObjects(fail func(path, format string, args ...any)) {
	const minPart, maxPart = 5 << 20, 5 << 30 // S3's own
	o := &c.Objects
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			fail("objects.endpoint", "expected a URL such as http://127.0.0.1:9000")
		}
	}
	if o.Region != "" && !regionForm.MatchString(o.Region) {
		fail("objects.region", "expected a Region such as us-east-1")
	}
	if o.PartSize < minPart || o.PartSize > maxPart {
		fail("objects.partSize", "expected a size from 5MiB to 5GiB")
	}
}

// failure is an error that begins with where the setting of a path comes from:
// the nearest thing around it that came from somewhere.
func (c *Config) failure(path, format string, args ...any) error {
	text := path + ": " + fmt.Sprintf(format, args...)
	for at := path; at != ""; at = parent(at) {
		if o, ok := c.origins[at]; ok {
			return &SettingError{o.String() + ": " + text}
		}
	}
	return &SettingError{text}
}

// SettingError is a setting that turns out to be wrong when it is needed, as the
// name of a variable that is not set.
type SettingError struct{ text string }

// Error says who set it, its name, and what is wrong.
func (e *SettingError) Error() string { return e.text }

func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// chooseBackend finds the back-end of models that nothing else names.
func (c *Config) chooseBackend() error {
	if c.Backends == nil {
		c.Backends = map[string]Backend{}
	}
	origin := c.origins["backend"]
	c.Only = origin.Source >= FromEnvironment
	if c.Only {
		kind, value, given := strings.Cut(c.Backend, "=")
		if _, configured := c.Backends[c.Backend]; !configured && isKind(kind) {
			b := newBackend(kind)
			switch {
			case kind == KindOpenAI:
				b.BaseURL = value
			case kind == KindAmazon && given:
				b.Region = value
			case given:
				return c.failure("backend", "the %s takes no value", kind)
			}
			c.Backend = kind
			c.Backends[kind] = b
			for _, key := range []string{"baseUrl", "region"} {
				c.origins["backends."+kind+"."+key] = origin
			}
			return nil
		}
	}
	if c.Backend == "" {
		switch len(c.Backends) {
		case 0:
			c.Backend = KindSimulator
		case 1:
			c.Backend = slices.Collect(maps.Keys(c.Backends))[0]
		default:
			return nil
		}
	}
	if !c.implied(c.Backend) {
		text := c.unknown(c.Backend)
		if !strings.HasSuffix(text, "?") { // nothing is near
			text += "; simulator, amazon and openai=URL need no entry there"
		}
		return c.failure("backend", "%s", text)
	}
	return nil
}

func isKind(kind string) bool {
	return kind == KindSimulator || kind == KindOpenAI || kind == KindAmazon
}

func newBackend(kind string) Backend {
	var b Backend
	setDefaults(reflect.ValueOf(&b).Elem())
	b.Kind = kind
	return b
}

// implied tells whether there is a back-end of a name. The simulator and
// Amazon Bedrock need nothing said about them to be one.
func (c *Config) implied(name string) bool {
	if _, ok := c.Backends[name]; ok {
		return true
	}
	if name != KindSimulator && name != KindAmazon {
		return false
	}
	c.Backends[name] = newBackend(name)
	return true
}

// unknown says that there is no back-end of a name.
func (c *Config) unknown(name string) string {
	text := "there is no back-end of that name under backends"
	known := append(slices.Sorted(maps.Keys(c.Backends)), KindSimulator, KindAmazon)
	if words := near.Words(name, slices.Compact(known), 2); len(words) > 0 {
		text += "; did you mean " + strings.Join(words, " or ") + "?"
	}
	return text
}

// checkBackend holds one back-end against its kind.
func (c *Config) checkBackend(name string, fail func(path, format string, args ...any)) {
	b, at := c.Backends[name], "backends."+name
	if strings.ContainsAny(name, ". \t=") {
		fail(at, "the name of a back-end has no dots, spaces or =")
	}
	if b.Kind == "" {
		fail(at, "kind is missing: simulator, openai or amazon")
		return
	}
	c.foreign(reflect.TypeOf(b), at, b.Kind, "back-ends", fail)
	switch b.Kind {
	case KindOpenAI:
		u, err := url.Parse(b.BaseURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			fail(at+".baseUrl", "expected a URL such as http://127.0.0.1:11434/v1")
		}
		if b.APIKeyEnv != "" && b.APIKeyFile != "" {
			fail(at, "expected one of apiKeyEnv and apiKeyFile, not both")
		}
	case KindAmazon:
		if b.Region != "" && !regionForm.MatchString(b.Region) {
			fail(at+".region", "expected a Region such as us-east-1")
		}
	}
}

// foreign refuses keys that stand in a back-end, or another thing of several
// kinds, whose kind does not know them.
func (c *Config) foreign(t reflect.Type, at, kind, things string, fail func(path, format string, args ...any)) {
	for i := range t.NumField() {
		f := t.Field(i)
		path := join(at, f.Tag.Get("yaml"))
		kinds := strings.Fields(f.Tag.Get("kind"))
		if _, given := c.origins[path]; !given || c.origins[path] == c.origins["backend"] {
			continue
		}
		if len(kinds) > 0 && !slices.Contains(kinds, kind) {
			fail(path, "this key is for %s of kind %s, not %s", things, strings.Join(kinds, " and "), kind)
		} else if f.Type.Kind() == reflect.Struct {
			c.foreign(f.Type, path, kind, things, fail)
		}
	}
}

// checkModels holds the routes against the back-ends.
func (c *Config) checkModels(fail func(path, format string, args ...any)) {
	seen := map[string]int{}
	for i, r := range c.Models {
		at := fmt.Sprintf("models[%d]", i)
		if r.Match == "" {
			fail(at, "match is missing: a model id, or a pattern such as anthropic.*")
		}
		if first, twice := seen[r.Match]; twice {
			fail(at+".match", "never reached: models[%d] matches the same", first)
		}
		seen[r.Match] = i
		if len(r.Lanes) > 0 {
			c.checkLanes(at, &r, fail)
		} else {
			c.checkTarget(at, r.Match, Target{Backend: r.Backend, Name: r.Name}, fail)
		}
		for j, t := range r.Failover {
			c.checkTarget(fmt.Sprintf("%s.failover[%d]", at, j), r.Match, t, fail)
		}
	}
	for _, alias := range slices.Sorted(maps.Keys(c.Aliases)) {
		target := c.Aliases[alias]
		for range len(c.Aliases) + 1 {
			next, more := c.Aliases[target]
			if target == "" || target == alias || !more {
				break
			}
			target = next
		}
		switch {
		case target == "":
			fail("aliases."+alias, "expected a model id")
		case target == alias:
			fail("aliases."+alias, "leads back to itself")
		}
	}
}

// checkLanes holds the lanes of an entry against each other and the back-ends.
func (c *Config) checkLanes(at string, r *Route, fail func(path, format string, args ...any)) {
	switch {
	case r.Backend != "":
		fail(at+".backend", "expected backend or lanes, not both")
	case r.Name != "":
		fail(at+".name", "stands in each of lanes")
	}
	seen := map[Target]int{}
	for j, l := range r.Lanes {
		path, t := fmt.Sprintf("%s.lanes[%d]", at, j), Target{Backend: l.Backend, Name: l.Name}
		c.checkTarget(path, r.Match, t, fail)
		if first, twice := seen[t]; twice {
			fail(path, "the same as lanes[%d]", first)
			continue
		}
		seen[t] = j
	}
}

// quotaMethods are the methods that quotas can tell apart.
var quotaMethods = []string{"sync", "stream", "async", "converse"}

func (c *Config) checkQuotas(fail func(path, format string, args ...any)) {
	for i := range c.Quotas.Models {
		q, at := &c.Quotas.Models[i], fmt.Sprintf("quotas.models[%d]", i)
		if q.Match == "" {
			fail(at, "match is missing: a model id, or a pattern such as anthropic.*")
		}
		if q.Backend != "" && !c.implied(q.Backend) {
			fail(at+".backend", "%s", c.unknown(q.Backend))
		}
		for _, m := range q.Methods {
			if !slices.Contains(quotaMethods, m) {
				fail(at+".methods", "expected some of %s", strings.Join(quotaMethods, ", "))
			}
		}
		if q.Window <= 0 {
			fail(at+".window", "expected more than 0s")
		}
	}
}

func (c *Config) checkTarget(at, match string, t Target, fail func(path, format string, args ...any)) {
	switch {
	case t.Backend == "":
		fail(at, "backend is missing")
	case !c.implied(t.Backend):
		fail(at+".backend", "%s", c.unknown(t.Backend))
	}
	if strings.Count(t.Name, "*") > 1 || strings.Contains(t.Name, "*") && !strings.Contains(match, "*") {
		fail(at+".name", "may have one *, and only where match has one")
	}
}
