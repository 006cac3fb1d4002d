package outcrop

import (
	"bytes"
	"strconv"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// guardrailMember is where a native body configures its guardrail.
const guardrailMember = "amazon-bedrock-guardrailConfig"

// RefuseGuardrails is the error of a Converse request that asks for a
// guardrail, or nil. Guardrails are Amazon Bedrock's; a back-end that has none
// must say so, since answering without one is not what was asked for.
func RefuseGuardrails(req *bedrock.ConverseRequest) error {
	if req.GuardrailConfig != nil {
		return noGuardrails("guardrailConfig")
	}
	for i := range req.System {
		if req.System[i].GuardContent != nil {
			return noGuardrails("system." + strconv.Itoa(i) + ".guardContent")
		}
	}
	for i := range req.Messages {
		for j := range req.Messages[i].Content {
			if req.Messages[i].Content[j].GuardContent != nil {
				return noGuardrails("messages." + strconv.Itoa(i) + ".content." + strconv.Itoa(j) + ".guardContent")
			}
		}
	}
	return nil
}

func noGuardrails(field string) error { return Invalid(field, "this back-end has no guardrails") }

// refuseNativeGuardrails is the error of a native body that configures a
// guardrail, which no Converse request can carry, or nil.
func refuseNativeGuardrails(body []byte) error {
	if !bytes.Contains(body, []byte(guardrailMember)) {
		return nil
	}
	var members map[string]bedrock.Document
	if bedrock.Unmarshal(body, &members) == nil && members[guardrailMember] != nil {
		return noGuardrails(guardrailMember)
	}
	return nil
}
