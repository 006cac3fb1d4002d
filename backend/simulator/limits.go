package simulator

import (
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
)

// limitsOf is what a model takes, as its vendor and Amazon Bedrock publish it.
// Where they publish nothing, nothing is limited.
func limitsOf(m *catalog.Model) bedrock.ConverseLimits {
	limits := bedrock.ConverseLimits{MaxOutput: m.MaxOutput}
	switch {
	case strings.HasPrefix(m.ID, "anthropic.claude-"):
		limits.CachePoints = 4
		limits.Images = claudeImages(m)
		if !strings.HasPrefix(m.ID, "anthropic.claude-3-") {
			limits.LargeDocuments = []bedrock.DocumentFormat{bedrock.DocumentFormatPdf}
		}
	case strings.HasPrefix(m.ID, "amazon.nova-"):
		limits.CachePoints = 4
		limits.LargeDocuments = []bedrock.DocumentFormat{bedrock.DocumentFormatPdf, bedrock.DocumentFormatDocx}
	}
	limits.Images.None = !slices.Contains(m.Input, "IMAGE")
	return limits
}

// claudeImages are the limits of Anthropic's page on vision; that of an image's
// size is the one that Bedrock has kept.
func claudeImages(m *catalog.Model) bedrock.ImageLimits {
	limits := bedrock.ImageLimits{Count: 100, Bytes: 5 << 20, Side: 8000, Many: 20, SideOfMany: 2000}
	if m.Context > 200_000 {
		limits.Count = 600
	}
	return limits
}
