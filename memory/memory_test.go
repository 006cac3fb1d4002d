package memory_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
)

const claude = "anthropic.claude-sonnet-4-5-20250929-v1:0"

func text(role bedrock.ConversationRole, s string) bedrock.Message {
	return bedrock.Message{Role: role, Content: []bedrock.ContentBlock{{Text: &s}}}
}

func user(s string) bedrock.Message { return text(bedrock.ConversationRoleUser, s) }

func assistant(s string) bedrock.Message { return text(bedrock.ConversationRoleAssistant, s) }

func use(ids ...string) bedrock.Message {
	m := bedrock.Message{Role: bedrock.ConversationRoleAssistant}
	for _, id := range ids {
		m.Content = append(m.Content, bedrock.ContentBlock{ToolUse: &bedrock.ToolUseBlock{ToolUseID: id, Name: "find", Input: bedrock.Document(`{"b":1, "a":2}`)}})
	}
	return m
}

func result(id, s string) bedrock.Message {
	return bedrock.Message{Role: bedrock.ConversationRoleUser, Content: []bedrock.ContentBlock{{ToolResult: &bedrock.ToolResultBlock{
		ToolUseID: id, Content: []bedrock.ToolResultContentBlock{{Text: &s}},
	}}}}
}

func chat(t testing.TB, turns ...[]bedrock.Message) *memory.State {
	t.Helper()
	s := memory.New()
	for _, messages := range turns {
		if err := s.Append(memory.Turn{ModelID: claude, Messages: messages}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func talk(t testing.TB, n int) *memory.State {
	t.Helper()
	var turns [][]bedrock.Message
	for i := range n {
		turns = append(turns, []bedrock.Message{
			user(fmt.Sprintf("Question %d about harbour %d. %s", i, i*7, strings.Repeat("words and words. ", 12))),
			assistant(fmt.Sprintf("Answer %d. %s", i, strings.Repeat("more words. ", 20))),
		})
	}
	return chat(t, turns...)
}

func TestAppendRefuses(t *testing.T) {
	blank := " "
	tests := []struct {
		name  string
		turn  memory.Turn
		field string
	}{
		{"no message", memory.Turn{}, "messages"},
		{"assistant first", memory.Turn{Messages: []bedrock.Message{assistant("hi")}}, "messages.0.role"},
		{"no reply", memory.Turn{Messages: []bedrock.Message{user("hi")}}, "messages.0.role"},
		{"another role", memory.Turn{Messages: []bedrock.Message{user("hi"), text("system", "x")}}, "messages.1.role"},
		{"result without call", memory.Turn{Messages: []bedrock.Message{result("x", "1"), assistant("a")}}, "messages.0.content.0.toolResult.toolUseId"},
		{"call without result", memory.Turn{Messages: []bedrock.Message{user("a"), use("x"), user("b"), assistant("c")}}, "messages.2.content"},
		{"one of two results", memory.Turn{Messages: []bedrock.Message{user("a"), use("x", "y"), result("x", "1"), assistant("c")}}, "messages.2.content"},
		{"long id", memory.Turn{Messages: []bedrock.Message{user("a"), use(strings.Repeat("x", 65))}}, "messages.1.content.0.toolUse.toolUseId"},
		{"id twice", memory.Turn{Messages: []bedrock.Message{user("a"), use("x", "x")}}, "messages.1.content.1.toolUse.toolUseId"},
		{"blank", memory.Turn{Messages: []bedrock.Message{user(blank), assistant("c")}}, "messages.0.content"},
		{"document alone", memory.Turn{Messages: []bedrock.Message{{Role: "user", Content: []bedrock.ContentBlock{{Document: &bedrock.DocumentBlock{Name: "d"}}}}, assistant("c")}}, "messages.0.content.0"},
		{"skips ahead", memory.Turn{Number: 3, Messages: []bedrock.Message{user("a"), assistant("b")}}, "turn"},
		{"resumes nothing", memory.Turn{Resumes: true, Messages: []bedrock.Message{user("a"), assistant("b")}}, "resumes"},
		{"epoch ahead", memory.Turn{Epoch: &memory.Epoch{Number: 1, Start: 9}, Messages: []bedrock.Message{user("a"), assistant("b")}}, "epoch"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := chat(t, []bedrock.Message{user("hello"), assistant("hello")})
			err := s.Append(test.turn)
			if in, ok := errors.AsType[*memory.InputError](err); !ok || in.Field != test.field {
				t.Errorf("got %v, want an error about %s", err, test.field)
			}
			if s.Len() != 1 {
				t.Error("the turn was kept")
			}
		})
	}
	err := memory.New().Append(memory.Turn{Format: 2, Messages: []bedrock.Message{user("a"), assistant("b")}})
	if _, ok := errors.AsType[*memory.FormatError](err); !ok {
		t.Errorf("format 2: %v", err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for field, p := range map[string]memory.Policy{
		"strategy": {Strategy: "autos"}, "low": {Low: 2}, "summaryShare": {SummaryShare: -1},
		"segmentTokens": {SegmentTokens: -1}, "fanout": {Fanout: 1}, "retrievePassages": {RetrievePassages: -1},
	} {
		_, _, err := memory.Assemble(memory.New(), memory.NewTurn{Messages: []bedrock.Message{user("a")}}, p, memory.Budget{Tokens: 100}, memory.For(claude))
		if in, ok := errors.AsType[*memory.InputError](err); !ok || in.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	_, _, err := memory.Assemble(memory.New(), memory.NewTurn{Messages: []bedrock.Message{user("a")}}, memory.Policy{}, memory.Budget{}, memory.For(claude))
	if in, ok := errors.AsType[*memory.InputError](err); !ok || in.Field != "budget" {
		t.Error(err)
	}
}

// A turn costs time by its length: by the square of it, each of these would
// take minutes.
func TestTurnsOfManyBlocks(t *testing.T) {
	const many = 150_000
	var ids []string
	var results, documents bedrock.Message
	results.Role, documents.Role = bedrock.ConversationRoleUser, bedrock.ConversationRoleUser
	documents.Content = user("Sum up.").Content
	for i := range many {
		ids = append(ids, fmt.Sprintf("tooluse_%08d", i))
		results.Content = append(results.Content, result(ids[i], "done").Content...)
		documents.Content = append(documents.Content, bedrock.ContentBlock{Document: &bedrock.DocumentBlock{Name: "report"}})
	}
	chat(t, []bedrock.Message{user("a"), use(ids...), results, assistant("b")})
	_, _, err := memory.Assemble(memory.New(), memory.NewTurn{Messages: []bedrock.Message{user("a"), use(ids...), result(ids[0], "done"), assistant("b")}},
		memory.Policy{}, memory.Budget{Tokens: 100}, memory.For(claude))
	if err == nil || !strings.Contains(err.Error(), "the tool use "+ids[1]+" is not answered") {
		t.Error(err)
	}
	chat(t, []bedrock.Message{documents, assistant("b")})
}

// Names that are cut to the API's length stay whole characters.
func TestDocumentNamesAreCutBetweenCharacters(t *testing.T) {
	long := strings.Repeat("é", 100)
	report := bedrock.ContentBlock{Document: &bedrock.DocumentBlock{Name: long, Source: bedrock.DocumentSource{Text: new("words")}}}
	first, second := user("a"), user("b")
	first.Content, second.Content = append(first.Content, report), append(second.Content, report)
	s := chat(t, []bedrock.Message{first, assistant("b")})
	c, _, err := memory.Assemble(s, memory.NewTurn{Messages: []bedrock.Message{second}}, memory.Policy{}, memory.Budget{Tokens: 1000}, memory.For(claude))
	if err != nil {
		t.Fatal(err)
	}
	name := c.Messages[2].Content[1].Document.Name
	if !utf8.ValidString(name) || name == long || len(name) > 200 {
		t.Errorf("%q", name)
	}
}

func TestBudgetErrorSaysByHowMuch(t *testing.T) {
	big := strings.Repeat("word ", 400)
	system := big + big
	tests := []struct {
		field string
		new   memory.NewTurn
	}{
		{"messages", memory.NewTurn{Messages: []bedrock.Message{user(big)}}},
		{"system", memory.NewTurn{Messages: []bedrock.Message{user(big)}, System: []bedrock.SystemContentBlock{{Text: &system}}}},
	}
	for _, test := range tests {
		_, _, err := memory.Assemble(memory.New(), test.new, memory.Policy{}, memory.Budget{Tokens: 300}, memory.For(claude))
		over, ok := errors.AsType[*memory.BudgetError](err)
		if !ok || over.Field != test.field || over.Over() < 100 || !strings.Contains(err.Error(), fmt.Sprint(over.Over())) {
			t.Errorf("%s: %v", test.field, err)
		}
		if ok {
			if _, _, err := memory.Assemble(memory.New(), test.new, memory.Policy{}, memory.Budget{Tokens: over.Needed}, memory.For(claude)); err != nil {
				t.Errorf("with what it asks for: %v", err)
			}
		}
	}
}

func TestInterruptedTurns(t *testing.T) {
	s := chat(t, []bedrock.Message{user("one"), assistant("1")})
	cut := memory.Turn{ModelID: claude, Interrupted: true, Messages: []bedrock.Message{user("two"), assistant("It is a long")}}
	if err := s.Append(cut); err != nil {
		t.Fatal(err)
	}
	c := assemble(t, s, memory.NewTurn{Messages: []bedrock.Message{user("three")}})
	if got := said(c); strings.Contains(got, "two") || strings.Contains(got, "long") {
		t.Errorf("an interrupted turn is sent: %s", got)
	}
	c = assemble(t, s, memory.NewTurn{Resume: true})
	if got, want := said(c), "user:one|assistant:1|user:two|assistant:It is a long|user:Go on exactly where you stopped."; got != want {
		t.Errorf("resumed: %s", got)
	}
	reply := assistant(" story.")
	if err := s.Append(c.Turn(&reply, false)); err != nil {
		t.Fatal(err)
	}
	if got := said(assemble(t, s, memory.NewTurn{Messages: []bedrock.Message{user("three")}})); !strings.Contains(got, "It is a long|") {
		t.Errorf("a resumed turn is left out: %s", got)
	}
	_, _, err := memory.Assemble(s, memory.NewTurn{Resume: true}, memory.Policy{}, memory.Budget{Tokens: 1000}, memory.For(claude))
	if in, ok := errors.AsType[*memory.InputError](err); !ok || in.Field != "resume" {
		t.Errorf("nothing to resume: %v", err)
	}
}

func TestToolConfigIsAsked(t *testing.T) {
	s := chat(t, []bedrock.Message{user("one"), use("x")})
	n := memory.NewTurn{Messages: []bedrock.Message{result("x", "42")}}
	_, _, err := memory.Assemble(s, n, memory.Policy{}, memory.Budget{Tokens: 1000}, memory.For(claude))
	if in, ok := errors.AsType[*memory.InputError](err); !ok || in.Field != "toolConfig" {
		t.Error(err)
	}
	n.Tools = &bedrock.ToolConfiguration{Tools: []bedrock.Tool{{ToolSpec: &bedrock.ToolSpecification{Name: "find", InputSchema: bedrock.ToolInputSchema{JSON: bedrock.Document(`{}`)}}}}}
	c := assemble(t, s, n)
	reply := assistant("done")
	if err := s.Append(c.Turn(&reply, false)); err != nil {
		t.Fatal(err)
	}
	if s.Tools() == nil {
		t.Error("the tools are not kept with the conversation")
	}
	_, _, err = memory.Assemble(chat(t, []bedrock.Message{user("one"), use("x")}), memory.NewTurn{Messages: []bedrock.Message{user("never mind")}, First: 4}, memory.Policy{}, memory.Budget{Tokens: 1000}, memory.For(claude))
	if in, ok := errors.AsType[*memory.InputError](err); !ok || in.Field != "messages.4.content" {
		t.Errorf("an unanswered tool use: %v", err)
	}
}

func TestRecordsSurvive(t *testing.T) {
	s := talk(t, 60)
	if err := s.Pin("diet", "The user is a vegetarian."); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Compact(memory.Policy{}, memory.Budget{Tokens: 2000}, memory.For(claude)); err != nil {
		t.Fatal(err)
	}
	for _, w := range s.Wanted(memory.Policy{}, 2) {
		if err := s.WithSummary(w.Node, "They talked about harbours."); err != nil {
			t.Fatal(err)
		}
	}
	head := s.Head()
	data, err := head.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := memory.UnmarshalHead(data)
	if err != nil || !reflect.DeepEqual(again.Summaries, head.Summaries) || len(head.Summaries) == 0 {
		t.Fatalf("%v: %+v", err, again)
	}
	var turns []memory.Turn
	for i := range s.Len() {
		turn := s.Turn(i + 1)
		data, err := turn.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		back, err := memory.UnmarshalTurn(data)
		if err != nil {
			t.Fatal(err)
		}
		turns = append(turns, back)
	}
	other, err := memory.Restore(again, turns)
	if err != nil {
		t.Fatal(err)
	}
	n := memory.NewTurn{Messages: []bedrock.Message{user("What about harbour 21?")}}
	a, b := assemble(t, s, n), assemble(t, other, n)
	if said(a) != said(b) || !strings.Contains(said(b), "vegetarian") || !strings.Contains(said(b), "harbour 21") {
		t.Errorf("a restored conversation sends something else:\n%s\n%s", said(a), said(b))
	}
	if _, err := memory.Restore(memory.Head{Format: 9}, nil); err == nil {
		t.Error("format 9 is read")
	}
	if _, err := memory.Restore(memory.Head{Turns: 3}, nil); err == nil {
		t.Error("a head of three turns is taken for none")
	}
}

func TestSummariesByAModel(t *testing.T) {
	s := talk(t, 200)
	p := memory.Policy{Strategy: memory.StrategyHierarchical, SegmentTokens: 500, Fanout: 4}
	asked := map[memory.Level]int{}
	for range 50 {
		wanted := s.Wanted(p, 100)
		if len(wanted) == 0 {
			break
		}
		for _, w := range wanted {
			if w.Prompt == "" || w.MaxTokens <= 0 {
				t.Fatalf("%+v", w)
			}
			asked[w.Node.Level]++
			if err := s.WithSummary(w.Node, fmt.Sprintf("WRITTEN %s %d-%d.", w.Node.Level, w.Node.From, w.Node.To)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if asked[memory.Segment] < 20 || asked[memory.Chapter] < 5 || asked[memory.Root] < 1 || len(s.Wanted(p, 1)) > 0 {
		t.Errorf("asked for %v", asked)
	}
	c, e, err := memory.Assemble(s, memory.NewTurn{Messages: []bedrock.Message{user("Go on.")}}, p, memory.Budget{Tokens: 3000}, memory.For(claude))
	if err != nil {
		t.Fatal(err)
	}
	if !e.Compacted || !strings.Contains(said(c), "WRITTEN root") || !strings.Contains(said(c), "WRITTEN chapter") {
		t.Errorf("the summaries are not sent: %s", said(c))
	}
	for _, bad := range []memory.Summary{{Node: memory.Node{Level: "x", From: 1, To: 2}, Text: "a"}, {Node: memory.Node{Level: memory.Segment, From: 1, To: 999}, Text: "a"}, {Node: memory.Node{Level: memory.Segment, From: 1, To: 2}, Text: " "}} {
		if s.WithSummary(bad.Node, bad.Text) == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

func TestCachePointsStandWhereTheShapeSays(t *testing.T) {
	system := strings.Repeat("rule ", 1500)
	s := talk(t, 60)
	s.SetSystem([]bedrock.SystemContentBlock{{Text: &system}})
	if _, err := s.Compact(memory.Policy{}, memory.Budget{Tokens: 6000}, memory.For(claude)); err != nil {
		t.Fatal(err)
	}
	n := memory.NewTurn{Messages: []bedrock.Message{user("What about harbour 21?")}}
	c, e, err := memory.Assemble(s, n, memory.Policy{}, memory.Budget{Tokens: 6000}, memory.For(claude))
	if err != nil {
		t.Fatal(err)
	}
	var after []memory.Part
	for _, p := range e.CachePoints {
		after = append(after, p.After)
	}
	want := []memory.Part{memory.PartSystem, memory.PartSummary, memory.PartTail, memory.PartTail}
	if !reflect.DeepEqual(after, want) {
		t.Errorf("points behind %v, want %v", after, want)
	}
	if c.System[len(c.System)-1].CachePoint == nil {
		t.Error("no point behind the system prompt")
	}
	c, e, err = memory.Assemble(s, n, memory.Policy{}, memory.Budget{Tokens: 6000}, memory.For("meta.llama3-3-70b-instruct-v1:0"))
	if err != nil || len(e.CachePoints) > 0 || c.System[len(c.System)-1].CachePoint != nil {
		t.Errorf("points for a model without a cache: %v %v", e.CachePoints, err)
	}
}

func assemble(t testing.TB, s *memory.State, n memory.NewTurn) *memory.Context {
	t.Helper()
	c, _, err := memory.Assemble(s, n, memory.Policy{}, memory.Budget{Tokens: 4000}, memory.For(claude))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// said is a context's texts in one line.
func said(c *memory.Context) string {
	var parts []string
	for _, m := range c.Messages {
		for _, b := range m.Content {
			if b.Text != nil {
				parts = append(parts, string(m.Role)+":"+*b.Text)
			}
		}
	}
	return strings.Join(parts, "|")
}

// filed is a user message with so many documents beside its text.
func filed(s string, n int) bedrock.Message {
	m := user(s)
	for i := range n {
		m.Content = append(m.Content, bedrock.ContentBlock{Document: &bedrock.DocumentBlock{
			Format: bedrock.DocumentFormatTxt, Name: fmt.Sprintf("%s %d", s, i), Source: bedrock.DocumentSource{Bytes: []byte(strings.Repeat(s+" ", 20))},
		}})
	}
	return m
}

// TestFiveDocuments: a request may have five, so older ones make room for those
// of newer turns; what the new turn brings itself stays.
func TestFiveDocuments(t *testing.T) {
	var turns [][]bedrock.Message
	for i := range 4 {
		turns = append(turns, []bedrock.Message{filed(fmt.Sprint("paper", i), 1), assistant("Read.")})
	}
	s := chat(t, turns...)
	for _, c := range []struct{ brings, sent, noted int }{{0, 4, 0}, {1, 5, 0}, {3, 5, 2}, {5, 5, 4}, {6, 6, 4}} {
		chosen, why, err := memory.Assemble(s, memory.NewTurn{Messages: []bedrock.Message{filed("new", c.brings)}},
			memory.Policy{Strategy: memory.StrategyFull}, memory.Budget{Tokens: 100_000}, memory.For(claude))
		if err != nil {
			t.Fatal(err)
		}
		sent, noted := 0, 0
		for _, m := range chosen.Messages {
			for _, b := range m.Content {
				switch {
				case b.Document != nil:
					sent++
				case b.Text != nil && *b.Text == fmt.Sprintf("[document of turn %d left out]", noted+1):
					noted++
				}
			}
		}
		if sent != c.sent || noted != c.noted {
			t.Errorf("with %d new documents %d are sent and %d left out, want %d and %d", c.brings, sent, noted, c.sent, c.noted)
		}
		if told := len(why.LeftOut); told != c.noted || told > 0 && (why.LeftOut[0].From != 1 || why.LeftOut[0].What != "documents") {
			t.Errorf("with %d new documents it says %v", c.brings, why.LeftOut)
		}
		if err := bedrock.CheckConverse(&bedrock.ConverseRequest{Messages: chosen.Messages}, bedrock.ConverseLimits{}); (err != nil) != (c.brings > 5) {
			t.Errorf("with %d new documents: %v", c.brings, err)
		}
	}
}
