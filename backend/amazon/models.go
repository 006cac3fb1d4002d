package amazon

import (
	"context"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
)

// maxPages bounds how long a list may be: no account has so many.
const maxPages = 100

// Serves tells which operations without a model the service answers.
func (b *Backend) Serves(name string) bool {
	op, ok := operations[name]
	return ok && !strings.Contains(op.Path, "{modelId}")
}

// control asks for a value by an operation, on behalf of the caller that the
// context carries.
func (b *Backend) control(ctx context.Context, name string, params map[string]string, request, response any) error {
	op, err := findOperation(name)
	if err != nil {
		return err
	}
	origin := outcrop.OriginOf(ctx)
	call := outcrop.NewOperationCall(name, params, nil)
	call.Caller, call.RequestID = origin.Caller, origin.RequestID
	if request != nil {
		if call.Raw, err = bedrock.Marshal(request); err != nil {
			return outcrop.AsError(err)
		}
	}
	reply, err := b.exchange(ctx, op, call, call.Raw)
	if err != nil {
		return err
	}
	text, err := reply.Body()
	if err != nil {
		return outcrop.AsError(err)
	}
	if err := bedrock.Unmarshal(text, response); err != nil {
		return outcrop.Errorf(bedrock.CodeModelError, "the reply to %s cannot be read: %w", name, err)
	}
	return nil
}

// Models lists the service's models in the Region, with the inference profiles
// that it defines. It takes bedrock:ListFoundationModels and
// bedrock:ListInferenceProfiles. Context windows and output limits, which the
// service does not tell, come from the catalogue.
func (b *Backend) Models(ctx context.Context) ([]outcrop.Model, error) {
	var listed bedrock.ListFoundationModelsResponse
	if err := b.control(ctx, "ListFoundationModels", nil, nil, &listed); err != nil {
		return nil, err
	}
	profiles, err := b.profiles(ctx)
	if err != nil {
		return nil, err
	}
	models := make([]outcrop.Model, 0, len(listed.ModelSummaries))
	for i := range listed.ModelSummaries {
		s := &listed.ModelSummaries[i]
		m := outcrop.Model{
			ID: s.ModelID, Name: s.ModelName, Provider: s.ProviderName, Backend: Name, Lifecycle: catalog.Active,
			InputModalities: names(s.InputModalities), OutputModalities: names(s.OutputModalities),
			Streaming: s.ResponseStreamingSupported != nil && *s.ResponseStreamingSupported, Profiles: profiles[s.ModelID],
		}
		if s.ModelLifecycle != nil {
			m.Lifecycle = string(s.ModelLifecycle.Status)
		}
		if match, ok := catalog.Default().Resolve(s.ModelID); ok {
			m.ContextWindow, m.MaxOutput = match.Model.Context, match.Model.MaxOutput
		}
		models = append(models, m)
	}
	return models, nil
}

// profiles are the service's inference profiles, by the id of their model.
func (b *Backend) profiles(ctx context.Context) (map[string][]outcrop.Profile, error) {
	byModel := map[string][]outcrop.Profile{}
	query := map[string]string{"maxResults": "1000", "typeEquals": string(bedrock.InferenceProfileTypeSystemDefined)}
	for range maxPages {
		var page bedrock.ListInferenceProfilesResponse
		if err := b.control(ctx, "ListInferenceProfiles", query, nil, &page); err != nil {
			return nil, err
		}
		for i := range page.InferenceProfileSummaries {
			s := &page.InferenceProfileSummaries[i]
			p := outcrop.Profile{ID: s.InferenceProfileID, Name: s.InferenceProfileName}
			model := ""
			for _, m := range s.Models {
				parts := strings.SplitN(m.ModelARN, ":", 6) // arn:aws:bedrock:REGION::foundation-model/ID
				if len(parts) == 6 {
					p.Regions = append(p.Regions, parts[3])
				}
				model = catalog.FromARN(m.ModelARN)
			}
			byModel[model] = append(byModel[model], p)
		}
		if page.NextToken == "" {
			return byModel, nil
		}
		query["nextToken"] = page.NextToken
	}
	return nil, outcrop.Errorf(bedrock.CodeModelError, "the list of inference profiles does not end after %d pages", maxPages)
}

func names(modalities []bedrock.ModelModality) []string {
	list := make([]string, len(modalities))
	for i, m := range modalities {
		list[i] = string(m)
	}
	return list
}
