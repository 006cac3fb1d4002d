package server

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// listFoundationModels answers ListFoundationModels, which has no pages.
func (x *exchange) listFoundationModels() error {
	var req bedrock.ListFoundationModelsRequest
	models, err := x.models(&req)
	if err != nil {
		return err
	}
	response := &bedrock.ListFoundationModelsResponse{ModelSummaries: []bedrock.FoundationModelSummary{}}
	for i := range models {
		if selected(&req, &models[i]) {
			response.ModelSummaries = append(response.ModelSummaries, x.summary(&models[i]))
		}
	}
	return x.sendValue(response)
}

// selected tells whether a model passes the filters. None of the models here
// can be customized, and all are served on demand.
func selected(req *bedrock.ListFoundationModelsRequest, m *outcrop.Model) bool {
	switch {
	case req.ByProvider != "" && !strings.EqualFold(req.ByProvider, m.Provider),
		req.ByOutputModality != "" && !slices.Contains(m.OutputModalities, string(req.ByOutputModality)),
		req.ByInferenceType != "" && req.ByInferenceType != bedrock.InferenceTypeOnDemand,
		req.ByCustomizationType != "":
		return false
	}
	return true
}

// getFoundationModel answers GetFoundationModel, for an id or an ARN.
func (x *exchange) getFoundationModel() error {
	var req bedrock.GetFoundationModelRequest
	models, err := x.models(&req)
	if err != nil {
		return err
	}
	id := resourceID(req.ModelIdentifier, "foundation-model")
	i := slices.IndexFunc(models, func(m outcrop.Model) bool { return m.ID == id })
	switch {
	case i < 0 && x.server.manager.Serves(x.route.name):
		return x.pass() // it may know models that it does not list: custom ones
	case i < 0:
		return outcrop.Errorf(bedrock.CodeResourceNotFound, "modelIdentifier: there is no foundation model %s.", quote(req.ModelIdentifier))
	}
	details := bedrock.FoundationModelDetails(x.summary(&models[i]))
	return x.sendValue(&bedrock.GetFoundationModelResponse{ModelDetails: &details})
}

// models reads the request, and lists what the manager's back-end knows.
func (x *exchange) models(req bedrock.Validatable) ([]outcrop.Model, error) {
	if err := x.decode(req); err != nil {
		return nil, err
	}
	return x.server.manager.Models(x.context())
}

func (x *exchange) summary(m *outcrop.Model) bedrock.FoundationModelSummary {
	lifecycle := bedrock.FoundationModelLifecycleStatusActive
	if m.Lifecycle != "" {
		lifecycle = bedrock.FoundationModelLifecycleStatus(m.Lifecycle)
	}
	streaming := m.Streaming
	return bedrock.FoundationModelSummary{
		ModelARN:                   modelARN(x.caller.Region, m.ID),
		ModelID:                    m.ID,
		ModelName:                  m.Name,
		ProviderName:               m.Provider,
		InputModalities:            modalities(m.InputModalities),
		OutputModalities:           modalities(m.OutputModalities),
		ResponseStreamingSupported: &streaming,
		CustomizationsSupported:    []bedrock.ModelCustomization{},
		InferenceTypesSupported:    []bedrock.InferenceType{bedrock.InferenceTypeOnDemand},
		ModelLifecycle:             &bedrock.FoundationModelLifecycle{Status: lifecycle},
		Unknown:                    ownMembers(m),
	}
}

// ownMembers are what the API has no members for. AWS's clients pass over
// members that they do not know; Outcrop's own reads them.
func ownMembers(m *outcrop.Model) bedrock.Document {
	text, err := bedrock.Marshal(map[string]any{"outcrop": struct {
		ContextWindow int    `json:"contextWindow,omitzero"`
		MaxOutput     int    `json:"maxOutput,omitzero"`
		Backend       string `json:"backend,omitzero"`
		AliasOf       string `json:"aliasOf,omitzero"`
	}{m.ContextWindow, m.MaxOutput, m.Backend, m.AliasOf}})
	if err != nil { // a back-end's name that is no UTF-8
		return nil
	}
	return text
}

func modalities(names []string) []bedrock.ModelModality {
	list := make([]bedrock.ModelModality, len(names))
	for i, name := range names {
		list[i] = bedrock.ModelModality(name)
	}
	return list
}

func modelARN(region, id string) string {
	return fmt.Sprintf("arn:aws:bedrock:%s::foundation-model/%s", region, id)
}

// resourceID is the id in an ARN of a kind of resource, or the identifier as
// it is when it is no such ARN.
func resourceID(identifier, kind string) string {
	if strings.HasPrefix(identifier, "arn:") {
		if parts := strings.SplitN(identifier, ":", 6); len(parts) == 6 {
			if id, ok := strings.CutPrefix(parts[5], kind+"/"); ok {
				return id
			}
		}
	}
	return identifier
}
