package awscli

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Paged tells whether the AWS CLI would fetch all pages of the command's
// reply: those of a list, where the line does not ask for one page.
func (l *Line) Paged() bool {
	if l.Options["no-paginate"] != "" {
		return false
	}
	_, one := l.Values["nextToken"]
	_, some := l.Values["maxResults"]
	return !one && !some && l.Command.has("nextToken")
}

func (c *Command) has(member string) bool {
	for _, m := range c.Members {
		if m.Name == member {
			return true
		}
	}
	return false
}

// Pages collects the pages of a list. The zero value is an empty list.
type Pages struct {
	MaxItems int // stop after so many items; 0 is no limit

	list   string // the member that holds the items
	items  []any
	fields map[string]any
}

// NewPages reads --max-items.
func (l *Line) NewPages() (*Pages, error) {
	p := &Pages{}
	if text := l.Options["max-items"]; text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("--max-items: %q is no number above 0", text)
		}
		p.MaxItems = n
	}
	return p, nil
}

// Add takes a page, and returns the token of the next; "" ends the list.
func (p *Pages) Add(page []byte) (next string, err error) {
	var fields map[string]any
	if err := decode(string(page), &fields); err != nil {
		return "", err
	}
	next, _ = fields["nextToken"].(string)
	delete(fields, "nextToken")
	for name, value := range fields {
		if items, ok := value.([]any); ok {
			p.list, p.items = name, append(p.items, items...)
		}
	}
	p.fields = fields
	if p.MaxItems > 0 && len(p.items) >= p.MaxItems {
		p.items, next = p.items[:p.MaxItems], ""
	}
	return next, nil
}

// Reply is all pages as one.
func (p *Pages) Reply() ([]byte, error) {
	if p.list != "" {
		p.fields[p.list] = p.items
	}
	return json.Marshal(p.fields)
}
