package server

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// defaultPage is how many inference profiles a page has when the request does
// not say.
const defaultPage = 100

// listInferenceProfiles answers ListInferenceProfiles, in the order of the
// profiles' ids.
func (x *exchange) listInferenceProfiles() error {
	var req bedrock.ListInferenceProfilesRequest
	models, err := x.models(&req)
	if err != nil {
		return err
	}
	after, err := readToken(req.NextToken)
	if err != nil {
		return err
	}
	profiles := x.profiles(models)
	if req.TypeEquals != "" && req.TypeEquals != bedrock.InferenceProfileTypeSystemDefined {
		profiles = profiles[:0] // all of them are the system's
	}
	from, found := slices.BinarySearchFunc(profiles, after, byProfileID)
	if found {
		from++
	}
	size := defaultPage
	if req.MaxResults != nil {
		size = *req.MaxResults
	}
	response := &bedrock.ListInferenceProfilesResponse{InferenceProfileSummaries: profiles[from:]}
	if len(profiles) > from+size {
		response.InferenceProfileSummaries = profiles[from : from+size]
		response.NextToken = makeToken(profiles[from+size-1].InferenceProfileID)
	}
	return x.sendValue(response)
}

// getInferenceProfile answers GetInferenceProfile, for an id or an ARN.
func (x *exchange) getInferenceProfile() error {
	var req bedrock.GetInferenceProfileRequest
	models, err := x.models(&req)
	if err != nil {
		return err
	}
	profiles := x.profiles(models)
	i, found := slices.BinarySearchFunc(profiles, resourceID(req.InferenceProfileIdentifier, "inference-profile"), byProfileID)
	switch {
	case !found && x.server.manager.Serves(x.route.name):
		return x.pass() // an application's own profile, which no list of models has
	case !found:
		return outcrop.Errorf(bedrock.CodeResourceNotFound, "inferenceProfileIdentifier: there is no inference profile %s.", quote(req.InferenceProfileIdentifier))
	}
	response := bedrock.GetInferenceProfileResponse(profiles[i])
	return x.sendValue(&response)
}

func byProfileID(p bedrock.InferenceProfileSummary, id string) int {
	return strings.Compare(p.InferenceProfileID, id)
}

// maxProfileModels is how many models the API lets a profile list.
const maxProfileModels = 5

// profiles are the inference profiles of all models, by id.
func (x *exchange) profiles(models []outcrop.Model) []bedrock.InferenceProfileSummary {
	list := []bedrock.InferenceProfileSummary{}
	for _, m := range models {
		for _, p := range m.Profiles {
			s := bedrock.InferenceProfileSummary{
				InferenceProfileName: p.Name,
				InferenceProfileARN:  fmt.Sprintf("arn:aws:bedrock:%s:%s:inference-profile/%s", x.caller.Region, x.caller.Account, p.ID),
				InferenceProfileID:   p.ID,
				Status:               bedrock.InferenceProfileStatusActive,
				Type:                 bedrock.InferenceProfileTypeSystemDefined,
			}
			regions := p.Regions
			if len(regions) == 0 {
				regions = []string{x.caller.Region}
			}
			for _, region := range regions[:min(len(regions), maxProfileModels)] {
				s.Models = append(s.Models, bedrock.InferenceProfileModel{ModelARN: modelARN(region, m.ID)})
			}
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b bedrock.InferenceProfileSummary) int { return byProfileID(a, b.InferenceProfileID) })
	return list
}

// A page's token is the id of its last profile, so that pages stay right when
// profiles come and go between them.
const tokenPrefix = "after:"

func makeToken(last string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(tokenPrefix + last))
}

func readToken(token string) (last string, err error) {
	if token == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	last, ok := strings.CutPrefix(string(text), tokenPrefix)
	if err != nil || !ok {
		return "", outcrop.Invalid("nextToken", "the token was not made by this operation")
	}
	return last, nil
}
