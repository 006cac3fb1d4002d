package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/openai"
	"github.com/outcrop-ai/outcrop/lowered"
)

// shownModels is how many of a server's models an advice lists.
const shownModels = 5

// recognised says which server it is, since much hangs on that.
func (e *examination) recognised(engine string) {
	if engine == "other" {
		e.add("engine", OK, "not one that Outcrop knows by name: Construct asks by tools and prompts, tokens are estimated; where it is one behind a gateway, backends."+e.backend.Name+".engine says so", "")
		return
	}
	e.add("engine", OK, engine, "")
}

// engine looks at a server of models: whether it is there, and has the models
// that routes and defaults name.
func (e *examination) engine() {
	lister, ok := e.backend.Backend.(outcrop.ModelLister)
	if !ok {
		return
	}
	ctx, cancel := e.limited()
	defer cancel()
	models, err := lister.Models(ctx)
	if err != nil {
		f := outcrop.AsError(err)
		todo := advice(f, "")
		if f.Retryable {
			todo = "start the server, or correct baseUrl (" + e.backend.Where + "): outcrop init looks for servers on this machine"
		}
		e.add("reachable", Fail, f.Message, todo)
		return
	}
	e.add("reachable", OK, fmt.Sprintf("%s, %d models", e.backend.Where, len(models)), "")
	if l, ok := e.backend.Backend.(*lowered.Backend); ok {
		if server, ok := l.Next.(*openai.Backend); ok {
			e.recognised(server.Engine(ctx))
		}
	}
	if len(models) == 0 {
		e.add("models", Warn, "the server lists no model", "load one, as with ollama pull")
		return
	}
	for _, id := range e.backend.Models {
		if slices.ContainsFunc(models, func(m outcrop.Model) bool { return m.ID == id || m.ID == id+":latest" }) {
			e.add("model", OK, id, "")
			continue
		}
		var has []string
		for _, m := range models[:min(len(models), shownModels)] {
			has = append(has, m.ID)
		}
		e.add("model", Warn, id+" is not among the server's models; some servers answer any name",
			"name one of them in backends."+e.backend.Name+".model, or in models: it has "+strings.Join(has, ", "))
	}
}
