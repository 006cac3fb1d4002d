package memory

import "fmt"

// InputError is something in a request, a turn or a setting that cannot be
// used. It repeats nothing of the conversation's texts.
type InputError struct {
	Field  string // "messages.2.content.0.toolResult.toolUseId": lists count from 0
	Reason string
}

// Error is one sentence that names the field.
func (e *InputError) Error() string { return e.Field + ": " + e.Reason }

func invalid(field, format string, args ...any) *InputError {
	return &InputError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// BudgetError is a request of which even the part that must be sent does not
// fit: system prompt, tools, pinned facts and the new turn; for the strategy
// full, everything.
type BudgetError struct {
	Field  string // the largest part: "messages", "system", "toolConfig" or "pinned"
	Needed int    // tokens
	Budget int    // tokens
}

// Over is by how many tokens the budget is exceeded.
func (e *BudgetError) Over() int { return e.Needed - e.Budget }

// Error says by how much the budget is exceeded, and by what.
func (e *BudgetError) Error() string {
	return fmt.Sprintf("%s: what must be sent is %d tokens, which exceeds the budget of %d by %d", e.Field, e.Needed, e.Budget, e.Over())
}

// MismatchError is a history that differs from the stored one.
type MismatchError struct {
	Message int    // index of the first message that differs, in the messages given
	Block   int    // index in its content; -1 when the message as a whole is meant
	Turn    int    // the stored turn that belongs there; 0 when it lies behind the last
	Reason  string // without any of the texts
}

// Field is the place of the difference: "messages.3.content.1".
func (e *MismatchError) Field() string {
	if e.Block < 0 {
		return fmt.Sprintf("messages.%d", e.Message)
	}
	return fmt.Sprintf("messages.%d.content.%d", e.Message, e.Block)
}

// Error is one sentence that names the message.
func (e *MismatchError) Error() string {
	if e.Turn == 0 {
		return e.Field() + ": " + e.Reason
	}
	return fmt.Sprintf("%s: %s (turn %d)", e.Field(), e.Reason, e.Turn)
}

// FormatError is a stored record of a format that this version cannot read.
type FormatError struct {
	Record string // "turn" or "head"
	Format int
}

// Error names the record and both formats.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: format %d is not known; this version reads formats 1 to %d", e.Record, e.Format, Format)
}
