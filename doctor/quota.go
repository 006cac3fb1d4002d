package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/catalog"
)

// quotas lists the account's quotas, or nil.
func (e *examination) quotas(b *amazon.Backend) []amazon.Quota {
	if b.Bearer() || !b.AtAWS() {
		return nil // a bearer token is Bedrock's alone, and so is another server
	}
	ctx, cancel := e.limited()
	defer cancel()
	list, err := b.Quotas(ctx)
	if err != nil {
		e.failed("quotas", Warn, err, "servicequotas:ListServiceQuotas")
		return nil
	}
	e.add("quotas", OK, fmt.Sprintf("%d of Amazon Bedrock", len(list)), "")
	return list
}

// quota tells the quotas of a model that calls count against.
func (e *examination) quota(id string, all []amazon.Quota) {
	match, ok := catalog.Default().Resolve(id)
	if !ok {
		return
	}
	prefix := "on-demand model inference "
	switch {
	case match.Profile != nil && strings.HasPrefix(match.Profile.ID, "global."):
		prefix = "global cross-region model inference "
	case match.Profile != nil:
		prefix = "cross-region model inference "
	}
	var told []string
	empty := false
	for _, q := range all {
		name := strings.ToLower(q.Name)
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || !names(rest, strings.ToLower(match.Model.Name)) {
			continue
		}
		kind, _, _ := strings.Cut(rest, " for ")
		told = append(told, whole(q.Value)+" "+kind)
		empty = empty || q.Value == 0
	}
	slices.Sort(told)
	switch {
	case len(told) == 0:
		e.add("quota", Warn, "no quota has the name of "+match.Model.Name, "look it up in the console of Service Quotas; names there vary")
	case empty:
		e.add("quota", Fail, id+": "+strings.Join(told, ", "), "ask AWS to raise it, in the console of Service Quotas or through support: new accounts may begin with none")
	default:
		e.add("quota", OK, id+": "+strings.Join(told, ", "), "")
	}
}

// names tells whether a quota's name is of a model: "Claude Sonnet 4" is not in
// "Claude Sonnet 4.5".
func names(quota, model string) bool {
	for {
		_, after, found := strings.Cut(quota, model)
		if !found {
			return false
		}
		if after == "" || after[0] == ' ' && !strings.HasPrefix(after, " v2") || strings.HasSuffix(model, "v2") {
			return true
		}
		quota = after
	}
}

// whole is a number with commas.
func whole(v float64) string {
	digits := strconv.FormatFloat(v, 'f', -1, 64)
	if strings.Contains(digits, ".") {
		return digits
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
