package server

import (
	"maps"
	"net/http"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// pass hands an operation that names no model to the back-end that serves it,
// with its body as it came. Who serves none refuses it by name.
func (x *exchange) pass() error {
	if x.r.Method == http.MethodPost {
		if err := x.wantJSON(); err != nil {
			return err
		}
		if len(x.body) > 0 && !bedrock.Document(x.body).IsValid() {
			return outcrop.Errorf(bedrock.CodeValidation, "The body is not valid JSON.")
		}
	}
	query, err := x.query()
	if err != nil {
		return err
	}
	params := map[string]string{}
	for name := range query {
		params[name] = query.Get(name)
	}
	maps.Copy(params, x.labelValues())
	call := outcrop.NewOperationCall(x.route.name, params, x.body)
	call.Caller, call.RequestID, call.Class = x.caller, x.id, outcrop.Interactive
	reply, err := x.server.manager.Do(x.context(), call)
	if err != nil {
		return err
	}
	x.announce(&reply.Meta)
	if reply.Stream != nil {
		_ = reply.Stream.Close()
		return outcrop.Errorf(bedrock.CodeInternalServer, "The back-end answered %s with a stream.", call.Operation)
	}
	body, err := reply.Body()
	if err != nil {
		return err
	}
	return x.send(http.StatusOK, contentJSON, body)
}
