package cassette

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/estimate"
	"github.com/outcrop-ai/outcrop/native"
)

// profilesName is the file in which a directory keeps what Construct asks of a
// model before it makes a request: without it, a replayed Construct would ask
// in another way than the recorded one.
const profilesName = "schemas.json"

// SchemaProfile is that of the back-end, noted for the player.
func (r *Recorder) SchemaProfile(modelID string) string {
	profile := r.Abilities.SchemaProfile(modelID)
	if profile == "" {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.profiles[modelID] == profile {
		return profile
	}
	r.profiles[modelID] = profile
	text, err := json.MarshalIndent(r.profiles, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(r.dir, profilesName), append(text, '\n'), 0o600)
	}
	if err != nil {
		delete(r.profiles, modelID) // the call that comes next fails to be written too, and says so
	}
	return profile
}

// readProfiles reads what a recorder noted; no file is no profiles.
func readProfiles(dir string) (map[string]string, error) {
	profiles := map[string]string{}
	text, err := os.ReadFile(filepath.Join(dir, profilesName))
	if errors.Is(err, fs.ErrNotExist) {
		return profiles, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &profiles)
	}
	if err != nil {
		return nil, fmt.Errorf("cassette: %s: %w", profilesName, err)
	}
	return profiles, nil
}

// SchemaProfile is what the recorded back-end said.
func (p *Player) SchemaProfile(modelID string) string { return p.profiles[modelID] }

// Models lists the models that were asked.
func (p *Player) Models(context.Context) ([]outcrop.Model, error) {
	found := map[string]outcrop.Model{}
	for _, e := range p.exchanges {
		id := e.request.Model
		m := outcrop.Model{ID: id, Name: id, InputModalities: []string{"TEXT"}, OutputModalities: []string{"TEXT"}, Streaming: true, Backend: Name}
		if match, ok := catalog.Default().Resolve(id); ok {
			k := match.Model
			m.Name, m.Provider, m.InputModalities, m.OutputModalities = k.Name, k.Provider, k.Input, k.Output
			m.Streaming, m.ContextWindow, m.MaxOutput, m.Lifecycle = k.Streaming, k.Context, k.MaxOutput, k.Lifecycle
		}
		if id != "" {
			found[id] = m
		}
	}
	models := make([]outcrop.Model, 0, len(found))
	for _, id := range slices.Sorted(maps.Keys(found)) {
		models = append(models, found[id])
	}
	return models, nil
}

// CountTokens estimates: counts are not recorded.
func (p *Player) CountTokens(_ context.Context, call *outcrop.Call) (outcrop.TokenCount, error) {
	if call.Native() {
		if family, err := native.For(call.ModelID, call.Raw); err == nil && !family.Embeds() {
			if _, err := family.Request(call.Raw); err != nil {
				return outcrop.TokenCount{}, outcrop.AsError(err)
			}
		}
		return outcrop.TokenCount{InputTokens: estimate.Native(call.ModelID, call.Raw).Input, Estimated: true}, nil
	}
	req, err := call.Converse()
	if err != nil {
		return outcrop.TokenCount{}, outcrop.AsError(err)
	}
	return outcrop.TokenCount{InputTokens: estimate.Converse(call.ModelID, req).Input, Estimated: true}, nil
}
