package simulator

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/yamlfile"
)

// Limits of a rules file. They keep a wrong file from costing much; no script
// comes near them.
const (
	MaxRulesFile = 1 << 20 // bytes
	MaxRules     = 1000
)

// RulesError says what is wrong in a rules file, and where.
type RulesError struct {
	File    string
	Line    int    // from 1; 0 when the file as a whole is meant
	Key     string // "rules.2.match.regex": lists count from 0
	Message string
}

// Error is one line: file, line, key, message.
func (e *RulesError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	b.WriteString(": " + e.Message)
	return b.String()
}

// ParseRules reads a rules file. file is its name, for messages. The error is
// a *[RulesError].
//
// The format is YAML. Every key but rules and one of reply, replies and
// throttle may be left out:
//
//	rules:
//	  - name: greeting              # for the request log
//	    match:                      # all that are given must hold
//	      model: anthropic.*        # the id asked for, or the model's; * is any text
//	      text: hello               # in the last user message, in any case
//	      regex: '^order (\d+)'     # the same, as a regular expression (RE2)
//	      tool: get_weather         # the request offers this tool
//	      toolResult: true          # the last message brings tool results
//	      turn: 1                   # which user message it is, from 1
//	      stream: false             # whether the call streams
//	    times: 3                    # applies only the first three times
//	    reply:                      # what is left out is composed as usual
//	      text: Order $1 is on its way.
//	      reasoning: The user asks for an order.
//	      toolUse: {name: get_weather, input: {city: Paris}}   # or a list
//	      stopReason: end_turn
//	      delay: 200ms              # waited before the reply, pace or not
//	      error: {code: ModelErrorException, message: out of order}
//	      malformed: json           # json, schema, toolInput, toolJSON, empty, noMetadata
//	      cut: {after: 5, code: ModelStreamErrorException}     # no code: silently
//	    replies: [{error: …}, {}]   # one after the other, then the last again
//	    cycle: true                 # then the first again
//	    throttle: {requests: 5, per: 1m}   # more are ThrottlingExceptions
func ParseRules(file string, data []byte) (*Rules, error) {
	if len(data) > MaxRulesFile {
		return nil, &RulesError{File: file, Message: fmt.Sprintf("the file has %d bytes; the limit is %d", len(data), MaxRulesFile)}
	}
	tree, err := yamlfile.Parse(file, "a rules file", data)
	if e, ok := errors.AsType[*yamlfile.Error](err); ok {
		return nil, &RulesError{File: e.File, Line: e.Line, Message: e.Message}
	}
	rules := &Rules{}
	root := node{Node: tree, file: file}
	err = root.members(map[string]func(node) error{
		"rules": func(n node) error {
			return n.items(func(n node) error {
				if len(rules.list) == MaxRules {
					return n.fail("more than %d rules", MaxRules)
				}
				r, err := readRule(n)
				rules.list = append(rules.list, r)
				return err
			})
		},
	})
	if err != nil {
		return nil, err
	}
	return rules, nil
}

func readRule(n node) (*rule, error) {
	r := &rule{name: n.path}
	actions := 0
	err := n.members(map[string]func(node) error{
		"name":  func(n node) error { return n.text(&r.name) },
		"match": func(n node) error { return readMatch(n, &r.match) },
		"times": func(n node) error { return n.count(&r.times, 1) },
		"cycle": func(n node) error { return n.truth(&r.cycle) },
		"reply": func(n node) error {
			actions++
			reply, err := readReply(n)
			r.replies = append(r.replies, reply)
			return err
		},
		"replies": func(n node) error {
			actions++
			return n.items(func(n node) error {
				reply, err := readReply(n)
				r.replies = append(r.replies, reply)
				return err
			})
		},
		"throttle": func(n node) error {
			actions++
			t, err := readThrottle(n)
			r.throttle = t
			return err
		},
	})
	switch {
	case err != nil:
		return r, err
	case actions != 1:
		return r, n.fail("expected one of reply, replies and throttle, found %d of them", actions)
	case r.throttle == nil && len(r.replies) == 0:
		return r, n.fail("replies is empty")
	}
	return r, nil
}

func readMatch(n node, m *match) error {
	return n.members(map[string]func(node) error{
		"model": func(n node) error { return n.text(&m.model) },
		"text": func(n node) error {
			err := n.text(&m.text)
			m.text = strings.ToLower(m.text)
			return err
		},
		"regex": func(n node) error {
			var source string
			if err := n.text(&source); err != nil {
				return err
			}
			compiled, err := regexp.Compile(source)
			if err != nil {
				return n.fail("%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
			}
			m.regex = compiled
			return nil
		},
		"tool": func(n node) error { return n.text(&m.tool) },
		"turn": func(n node) error { return n.count(&m.turn, 1) },
		"toolResult": func(n node) error {
			m.toolResult = new(bool)
			return n.truth(m.toolResult)
		},
		"stream": func(n node) error {
			m.stream = new(bool)
			return n.truth(m.stream)
		},
	})
}

func readThrottle(n node) (*throttle, error) {
	t := &throttle{per: time.Minute, message: "Too many requests, please wait before trying again."}
	err := n.members(map[string]func(node) error{
		"requests": func(n node) error { return n.count(&t.requests, 0) },
		"per":      func(n node) error { return n.duration(&t.per) },
		"message":  func(n node) error { return n.text(&t.message) },
	})
	if err == nil && t.per <= 0 {
		err = n.fail("per must be more than nothing")
	}
	return t, err
}

func readReply(n node) (scripted, error) {
	var s scripted
	err := n.members(map[string]func(node) error{
		"text": func(n node) error {
			s.text = new(string)
			return n.text(s.text)
		},
		"reasoning": func(n node) error {
			s.reasoning = new(string)
			return n.text(s.reasoning)
		},
		"toolUse": func(n node) error {
			return n.oneOrMore(func(n node) error {
				t, err := readToolUse(n)
				s.tools = append(s.tools, t)
				return err
			})
		},
		"stopReason": func(n node) error {
			var reason string
			if err := n.text(&reason); err != nil {
				return err
			}
			s.stop = bedrock.StopReason(reason)
			return n.among(reason, stopReasons)
		},
		"delay": func(n node) error { return n.duration(&s.delay) },
		"error": func(n node) error {
			e, err := readError(n)
			s.err = e
			return err
		},
		"malformed": func(n node) error {
			if err := n.text(&s.malformed); err != nil {
				return err
			}
			return n.among(s.malformed, malformedKinds)
		},
		"cut": func(n node) error {
			c, err := readCut(n)
			s.cut = c
			return err
		},
	})
	return s, err
}

func readToolUse(n node) (scriptedTool, error) {
	var t scriptedTool
	err := n.members(map[string]func(node) error{
		"name": func(n node) error { return n.text(&t.name) },
		"input": func(n node) error {
			text, err := n.json()
			if err == nil && text.Kind() != '{' {
				err = n.fail("expected a mapping: the input of a tool is an object")
			}
			t.input = text
			return err
		},
	})
	if err == nil && (t.name == "" || len(t.name) > 64) {
		err = n.fail("name must have 1 to 64 characters")
	}
	return t, err
}

// readError reads {code, message}.
func readError(n node) (*outcrop.Error, error) {
	code, message := "", "the rules file says so"
	err := n.members(map[string]func(node) error{
		"code":    func(n node) error { return n.code(&code) },
		"message": func(n node) error { return n.text(&message) },
	})
	switch {
	case err != nil:
		return nil, err
	case code == "":
		return nil, n.fail("code is missing")
	}
	return outcrop.Errorf(code, "%s", message), nil
}

func readCut(n node) (*cut, error) {
	c := &cut{}
	code, message := "", "the rules file cuts this stream"
	err := n.members(map[string]func(node) error{
		"after":   func(n node) error { return n.count(&c.after, 0) },
		"code":    func(n node) error { return n.code(&code) },
		"message": func(n node) error { return n.text(&message) },
	})
	if err == nil && code != "" {
		c.err = outcrop.Errorf(code, "%s", message)
	}
	return c, err
}

// code reads the name of one of Bedrock's exceptions.
func (n node) code(to *string) error {
	if err := n.text(to); err != nil {
		return err
	}
	if bedrock.Code(*to).Status == 500 && *to != bedrock.CodeInternalServer {
		return n.fail("%q is no error code of Bedrock, such as %s or %s", *to, bedrock.CodeThrottling, bedrock.CodeModelError)
	}
	return nil
}

var stopReasons = []string{
	string(bedrock.StopReasonEndTurn), string(bedrock.StopReasonToolUse), string(bedrock.StopReasonMaxTokens),
	string(bedrock.StopReasonStopSequence), string(bedrock.StopReasonGuardrailIntervened), string(bedrock.StopReasonContentFiltered),
	string(bedrock.StopReasonMalformedModelOutput), string(bedrock.StopReasonMalformedToolUse), string(bedrock.StopReasonModelContextWindowExceeded),
}

func (n node) among(value string, known []string) error {
	if !slices.Contains(known, value) {
		return n.fail("%q is none of %s", value, strings.Join(known, ", "))
	}
	return nil
}
