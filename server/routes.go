package server

import (
	"slices"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// handler answers a request whose route was found and whose caller is known.
// An error that it returns is written to the client.
type handler func(*exchange) error

// operations says what answers each operation of bedrock.Operations. One that
// is not here exists at AWS and not in Outcrop, and is refused by name.
var operations = map[string]handler{
	bedrock.OpConverse:                      (*exchange).infer,
	bedrock.OpConverseStream:                (*exchange).infer,
	bedrock.OpInvokeModel:                   (*exchange).infer,
	bedrock.OpInvokeModelWithResponseStream: (*exchange).infer,
	bedrock.OpCountTokens:                   (*exchange).countTokens,
	"Construct":                             (*exchange).construct,
	"ConstructStream":                       (*exchange).constructStream,

	"CreateModelInvocationJob": (*exchange).createJob,
	"GetModelInvocationJob":    (*exchange).getJob,
	"ListModelInvocationJobs":  (*exchange).listJobs,
	"StopModelInvocationJob":   (*exchange).stopJob,
	"TagResource":              (*exchange).tagResource,
	"UntagResource":            (*exchange).untagResource,
	"ListTagsForResource":      (*exchange).listTags,

	"ListFoundationModels":  (*exchange).listFoundationModels,
	"GetFoundationModel":    (*exchange).getFoundationModel,
	"ListInferenceProfiles": (*exchange).listInferenceProfiles,
	"GetInferenceProfile":   (*exchange).getInferenceProfile,
}

// passedOn are operations that name no model, and that a back-end may serve of
// which Outcrop knows no types. StartAsyncInvoke is not among them: it names its
// model in its body, where nobody here looks.
var passedOn = []string{"ApplyGuardrail"}

// doors is everything that answers on the port.
func (s *Server) doors() []*route {
	var routes []*route
	for _, op := range bedrock.Operations {
		r := &route{name: op.Name, path: op.Path, methods: []string{op.Method}, streams: op.Streams, handle: operations[op.Name]}
		if slices.Contains(passedOn, op.Name) {
			r.handle = (*exchange).pass
		}
		if r.handle == nil {
			r.open, r.handle = true, notServed
		}
		routes = append(routes, r)
	}
	routes = append(
		routes,
		&route{name: "healthz", path: "/healthz", methods: reads, open: true, quiet: true, handle: (*exchange).healthz},
		&route{name: "readyz", path: "/readyz", methods: reads, open: true, quiet: true, handle: (*exchange).readyz},
	)
	routes = append(routes, conversationRoutes()...)
	for _, m := range s.config.Mounts {
		routes = append(routes, m.route())
	}
	return routes
}
