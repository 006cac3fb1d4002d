package awscli

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/near"
)

// requests are the types of the operations' requests.
var requests = map[string]reflect.Type{
	"Construct":                     reflect.TypeFor[bedrock.ConstructRequest](),
	"ConstructStream":               reflect.TypeFor[bedrock.ConstructRequest](),
	"Converse":                      reflect.TypeFor[bedrock.ConverseRequest](),
	"ConverseStream":                reflect.TypeFor[bedrock.ConverseRequest](),
	"CountTokens":                   reflect.TypeFor[bedrock.CountTokensRequest](),
	"InvokeModel":                   reflect.TypeFor[bedrock.InvokeModelRequest](),
	"InvokeModelWithResponseStream": reflect.TypeFor[bedrock.InvokeModelWithResponseStreamRequest](),
	"CreateModelInvocationJob":      reflect.TypeFor[bedrock.CreateModelInvocationJobRequest](),
	"GetFoundationModel":            reflect.TypeFor[bedrock.GetFoundationModelRequest](),
	"GetInferenceProfile":           reflect.TypeFor[bedrock.GetInferenceProfileRequest](),
	"GetModelInvocationJob":         reflect.TypeFor[bedrock.GetModelInvocationJobRequest](),
	"ListFoundationModels":          reflect.TypeFor[bedrock.ListFoundationModelsRequest](),
	"ListInferenceProfiles":         reflect.TypeFor[bedrock.ListInferenceProfilesRequest](),
	"ListModelInvocationJobs":       reflect.TypeFor[bedrock.ListModelInvocationJobsRequest](),
	"ListTagsForResource":           reflect.TypeFor[bedrock.ListTagsForResourceRequest](),
	"StopModelInvocationJob":        reflect.TypeFor[bedrock.StopModelInvocationJobRequest](),
	"TagResource":                   reflect.TypeFor[bedrock.TagResourceRequest](),
	"UntagResource":                 reflect.TypeFor[bedrock.UntagResourceRequest](),
}

// Command is an operation as a command: its name, and its parameters.
type Command struct {
	Operation *bedrock.Operation
	Name      string // "invoke-model"
	OutFile   bool   // the reply's body goes to a file that stands last
	Members   []Member
}

// Member is one parameter of a command.
type Member struct {
	Name     string // in the API: "modelId"
	Flag     string // on the command line: "model-id"
	In       string // "uri", "query", "header", "blob" or "body"
	Key      string // the label, query parameter or header it travels in
	Type     reflect.Type
	Required bool
}

// Commands lists the commands of a service, "bedrock" or "bedrock-runtime", in
// the order of their names.
func Commands(service string) []*Command {
	var list []*Command
	for i := range bedrock.Operations {
		op := &bedrock.Operations[i]
		if typ := requests[op.Name]; op.Service == service && typ != nil {
			list = append(list, newCommand(op, typ))
		}
	}
	return list
}

func newCommand(op *bedrock.Operation, request reflect.Type) *Command {
	c := &Command{Operation: op, Name: kebab(op.Name), OutFile: strings.HasPrefix(op.Name, "InvokeModel")}
	for i := range request.NumField() {
		if m, ok := memberOf(request.Field(i)); ok {
			m.Required = m.In == "uri" || op.Name != "Construct" && m.In == "body" && !strings.Contains(request.Field(i).Tag.Get("json"), "omit")
			c.Members = append(c.Members, m)
		}
	}
	return c
}

// memberOf reads a field's tags; a field without a name is no member.
func memberOf(f reflect.StructField) (Member, bool) {
	m := Member{Type: f.Type}
	for _, in := range []string{"uri", "query", "header"} {
		if key := f.Tag.Get(in); key != "" {
			m.In, m.Key, m.Name = in, key, key
		}
	}
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case m.In == "header":
		m.Name = strings.ToLower(f.Name[:1]) + f.Name[1:]
	case m.In != "":
	case name == "-":
		m.In, m.Name = "blob", "body"
	case name == "":
		return m, false
	default:
		m.In, m.Name = "body", name
	}
	m.Flag = kebab(m.Name)
	return m, true
}

// kebab is a name of the API as the AWS CLI writes it: modelId is model-id,
// resourceARN is resource-arn.
func kebab(name string) string {
	var b strings.Builder
	letters := []rune(name)
	for i, c := range letters {
		begins := unicode.IsUpper(c) && i > 0 &&
			(!unicode.IsUpper(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1]))
		if begins {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// find is the command of that name.
func find(service, name string) (*Command, error) {
	var names []string
	for _, c := range Commands(service) {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	for i := range bedrock.Operations {
		if op := &bedrock.Operations[i]; op.Service == service && kebab(op.Name) == name {
			return nil, fmt.Errorf("outcrop does not serve %s; of %s there are: %s", op.Name, service, strings.Join(names, ", "))
		}
	}
	if close := near.Words(name, names, 1); len(close) > 0 {
		return nil, fmt.Errorf("%s has no operation %q; did you mean %s?", service, name, close[0])
	}
	return nil, fmt.Errorf("%s has no operation %q; there are: %s", service, name, strings.Join(names, ", "))
}
