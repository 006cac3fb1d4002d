package remote

import (
	"context"
	"net/url"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// maxPages bounds how long a server can lead a client on.
const maxPages = 1000

// Models lists the server's models with their inference profiles. What the
// API has no members for, an Outcrop server tells in members of its own: the
// context window, the longest output, the back-end, and of what it is an alias.
func (c *Client) Models(ctx context.Context) ([]outcrop.Model, error) {
	var listed bedrock.ListFoundationModelsResponse
	if _, err := c.ask(ctx, "ListFoundationModels", nil, nil, nil, &listed); err != nil {
		return nil, err
	}
	profiles, err := c.profiles(ctx)
	if err != nil {
		return nil, err
	}
	models := make([]outcrop.Model, 0, len(listed.ModelSummaries))
	for i := range listed.ModelSummaries {
		m := model(&listed.ModelSummaries[i])
		m.Profiles = profiles[m.ID]
		models = append(models, m)
	}
	return models, nil
}

func model(s *bedrock.FoundationModelSummary) outcrop.Model {
	m := outcrop.Model{
		ID: s.ModelID, Name: s.ModelName, Provider: s.ProviderName, Backend: Name,
		InputModalities: names(s.InputModalities), OutputModalities: names(s.OutputModalities),
		Streaming: s.ResponseStreamingSupported != nil && *s.ResponseStreamingSupported,
	}
	if s.ModelLifecycle != nil {
		m.Lifecycle = string(s.ModelLifecycle.Status)
	}
	var own struct {
		Outcrop struct {
			ContextWindow int    `json:"contextWindow"`
			MaxOutput     int    `json:"maxOutput"`
			Backend       string `json:"backend"`
			AliasOf       string `json:"aliasOf"`
		} `json:"outcrop"`
	}
	if len(s.Unknown) > 0 && bedrock.Unmarshal(s.Unknown, &own) == nil {
		m.ContextWindow, m.MaxOutput, m.AliasOf = own.Outcrop.ContextWindow, own.Outcrop.MaxOutput, own.Outcrop.AliasOf
		if own.Outcrop.Backend != "" {
			m.Backend = own.Outcrop.Backend
		}
	}
	return m
}

func names(modalities []bedrock.ModelModality) []string {
	list := make([]string, len(modalities))
	for i, m := range modalities {
		list[i] = string(m)
	}
	return list
}

// profiles are the inference profiles by the id of their model.
func (c *Client) profiles(ctx context.Context) (map[string][]outcrop.Profile, error) {
	byModel := map[string][]outcrop.Profile{}
	query := url.Values{"maxResults": {"1000"}}
	for range maxPages {
		var page bedrock.ListInferenceProfilesResponse
		if _, err := c.ask(ctx, "ListInferenceProfiles", nil, query, nil, &page); err != nil {
			return nil, err
		}
		for _, s := range page.InferenceProfileSummaries {
			p := outcrop.Profile{ID: s.InferenceProfileID, Name: s.InferenceProfileName}
			id := ""
			for _, m := range s.Models {
				var region string
				if region, id = ofModelARN(m.ModelARN); region != "" {
					p.Regions = append(p.Regions, region)
				}
			}
			if id != "" {
				byModel[id] = append(byModel[id], p)
			}
		}
		if page.NextToken == "" {
			return byModel, nil
		}
		query.Set("nextToken", page.NextToken)
	}
	return nil, outcrop.Errorf(bedrock.CodeModelError, "the list of inference profiles of %s does not end", c.base.Host)
}

// ofModelARN reads arn:aws:bedrock:REGION::foundation-model/ID.
func ofModelARN(arn string) (region, id string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return "", ""
	}
	id, ok := strings.CutPrefix(parts[5], "foundation-model/")
	if !ok {
		return "", ""
	}
	return parts[3], id
}
