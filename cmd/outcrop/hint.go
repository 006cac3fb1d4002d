package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/internal/near"
	"github.com/outcrop-ai/outcrop/owner"
)

// hint is what to do about an error, where this program knows more than the
// error says; or "".
func (a *app) hint(err error) string {
	e, ok := errors.AsType[*outcrop.Error](err)
	if !ok {
		return ""
	}
	return cmp.Or(a.nearModels(e), a.serverGone(e), a.noToken(e), a.notListed(e))
}

// nearModels is what to try where a model is not known. The error itself has
// Bedrock's words, and names what is near among the models that somebody has
// configured. The catalogue's are near where a back-end answers for them.
func (a *app) nearModels(e *outcrop.Error) string {
	if e.Field != "modelId" || !strings.HasPrefix(e.Message, outcrop.InvalidModel) || a.settings == nil {
		return ""
	}
	asked := cmp.Or(a.model, a.settings.Model)
	hint := fmt.Sprintf("no model is called %q", asked)
	if target, ok := a.settings.Aliases[asked]; ok {
		hint += fmt.Sprintf(", which is an alias of %q", target)
		asked = target
	}
	named := e.Message != outcrop.InvalidModel || a.settings.Backend == ""
	names := near.Words(asked, a.modelNames(asked), 3)
	if slices.Contains(names, asked) {
		return "" // it is another that is not known
	}
	if len(names) > 0 && !named {
		hint += "; did you mean " + strings.Join(names, " or ") + "?"
	}
	return hint + " (outcrop models lists them)"
}

// modelNames are the ids and aliases that whoever has asked for a model may have
// meant: inference profiles of the geography that it begins with, if it does.
func (a *app) modelNames(asked string) []string {
	geography, _, _ := strings.Cut(asked, ".")
	names := slices.Collect(maps.Keys(a.settings.Aliases))
	slices.Sort(names)
	for _, m := range catalog.Default().Models() {
		names = append(names, m.ID)
		for _, p := range m.Profiles {
			if strings.HasPrefix(p.ID, geography+".") {
				names = append(names, p.ID)
			}
		}
	}
	return names
}

// serverGone is what to do where the server that should answer is not there, or
// has gone while it was asked, or in the middle of a stream.
func (a *app) serverGone(e *outcrop.Error) string {
	switch {
	case !noWay(e):
		return ""
	case a.asked.shared():
		return a.ownerGone(e)
	case a.asked.named != "":
		return "is outcrop serve running there? To be answered without a server, " + a.asked.without()
	}
	return ""
}

// noWay tells whether an error is about the way to the server: it has a cause here
// and names the server. What a server says of itself or of its back-ends has no
// cause.
func noWay(e *outcrop.Error) bool {
	switch {
	case e.Cause == nil:
		return false
	case e.Code == bedrock.CodeModelStreamError:
		return strings.Contains(e.Message, " broke off: the server at ")
	}
	return e.Code == bedrock.CodeServiceUnavailable && e.Retryable && strings.HasPrefix(e.Message, "the server at ")
}

// ownerGone is serverGone for the server that owned the data directory.
func (a *app) ownerGone(e *outcrop.Error) string {
	now, found, err := owner.Find(a.asked.dir)
	refused := errors.Is(e.Cause, syscall.ECONNREFUSED)
	for n := 0; n < 5 && found && now.PID == a.asked.owner.PID && !refused; n++ { // who is killed hangs up before he lets go of the directory
		time.Sleep(20 * time.Millisecond)
		now, found, err = owner.Find(a.asked.dir)
	}
	switch {
	case err != nil:
		return ""
	case !found:
		return "it has stopped; the same command, run again, answers by itself, and outcrop serve starts a server"
	case now.PID != a.asked.owner.PID:
		return "another server owns the data directory now; run the same command again"
	case refused: // it owns the directory, and does not listen any more
		return fmt.Sprintf("it is stopping (process %d): it takes nothing new, and lets what is under way end; run the same command again after that, or %s", now.PID, a.asked.without())
	}
	return ""
}

// noToken is what a server with tenants wants of a command.
func (a *app) noToken(e *outcrop.Error) string {
	if e.Code != bedrock.CodeMissingAuthentication || a.asked.named == "" || a.asked.token {
		return ""
	}
	return "that server has tenants: put a bearer key of one into $OUTCROP_TOKEN; outcrop keys create makes one, on the server's machine"
}

// notListed is which command lists what somebody has named wrongly.
func (a *app) notListed(e *outcrop.Error) string {
	switch {
	case e.Code != bedrock.CodeResourceNotFound:
		return ""
	case strings.HasPrefix(e.Message, "there is no model invocation job"):
		return "the jobs that there are: " + a.again("batch list")
	case strings.HasPrefix(e.Message, "there is no conversation"):
		return "those that are kept: " + a.again("conversations list")
	}
	return ""
}
