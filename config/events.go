package config

import (
	"bytes"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"time"

	"github.com/outcrop-ai/outcrop/internal/yamlfile"
)

// The kinds of targets of events.
const (
	TargetWebhook = "webhook"
	TargetCommand = "command"
	TargetSNS     = "sns"
	TargetNATS    = "nats"
)

// The ways in which a webhook knows who posts.
const (
	AuthNone   = "none"
	AuthHMAC   = "hmac"
	AuthBearer = "bearer"
)

var (
	targetForm  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	topicForm   = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$`)
	subjectForm = regexp.MustCompile(`^[^\s.*>]+(\.[^\s.*>]+)*$`)
)

// checkEvents holds the targets of events against their kinds.
func (c *Config) checkEvents(fail func(path, format string, args ...any)) {
	e := &c.Events
	for _, s := range []struct {
		path  string
		value time.Duration
	}{{"events.maxAge", e.MaxAge}, {"events.timeout", e.Timeout}, {"events.backoff", e.Backoff}} {
		if s.value <= 0 {
			fail(s.path, "expected a time above 0")
		}
	}
	if e.MaxBackoff < e.Backoff {
		fail("events.maxBackoff", "expected no less than events.backoff")
	}
	for _, name := range slices.Sorted(maps.Keys(e.Targets)) {
		at := "events.targets." + name
		if !targetForm.MatchString(name) {
			fail(at, "the name of a target has 1 to 64 letters, digits, - or _")
		}
		c.checkTargetOf(name, at, fail)
	}
}

func (c *Config) checkTargetOf(name, at string, fail func(path, format string, args ...any)) {
	t := c.Events.Targets[name]
	switch t.Kind {
	case "":
		fail(at, "kind is missing: webhook, command, sns or nats")
		return
	case TargetWebhook:
		u, err := url.Parse(t.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			fail(at+".url", "expected a URL such as https://example.com/hook")
		}
		given := t.SecretEnv != "" || t.SecretFile != ""
		switch {
		case t.SecretEnv != "" && t.SecretFile != "":
			fail(at, "expected one of secretEnv and secretFile, not both")
		case t.Auth != AuthNone && !given:
			fail(at, "auth: %s needs secretEnv or secretFile", t.Auth)
		case t.Auth == AuthNone && given:
			fail(at, "what the secret is for is missing: auth: hmac or auth: bearer")
		}
	case TargetCommand:
		if len(t.Command) == 0 || t.Command[0] == "" {
			fail(at, `command is missing: the program and its arguments, as ["/usr/local/bin/notify", "--batch"]`)
		}
	case TargetSNS:
		if !topicForm.MatchString(t.TopicARN) {
			fail(at+".topicArn", "expected the ARN of a topic, such as arn:aws:sns:us-east-1:123456789012:jobs")
		}
	case TargetNATS:
		if t.URL == "" && c.Nats == "" {
			fail(at, "url is missing: the address of the NATS server, as in nats://127.0.0.1:4222")
		}
		if !subjectForm.MatchString(t.Subject) {
			fail(at+".subject", "expected a subject to publish to: tokens with dots between them, without *, > and blanks")
		}
	}
	c.foreign(reflect.TypeFor[EventTarget](), at, t.Kind, "targets", fail)
}

// TargetSecret is the secret of a target of events, or "" when it has none. It
// is read when it is asked for, and is not kept.
func (c *Config) TargetSecret(target string) (string, error) {
	t := c.Events.Targets[target]
	at := "events.targets." + target
	switch {
	case t.SecretEnv != "":
		secret, ok := c.lookup(t.SecretEnv)
		if !ok || secret == "" {
			return "", c.failure(at+".secretEnv", "the environment variable %s is not set", t.SecretEnv)
		}
		return secret, nil
	case t.SecretFile != "":
		text, _, err := yamlfile.Read(t.SecretFile, maxKeyFile)
		if err != nil {
			return "", c.failure(at+".secretFile", "%v", err)
		}
		secret := bytes.TrimSpace(text)
		if len(secret) == 0 || bytes.ContainsAny(secret, "\r\n") {
			return "", c.failure(at+".secretFile", "expected one line with the secret")
		}
		return string(secret), nil
	}
	return "", nil
}
