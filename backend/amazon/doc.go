// Package amazon is the back-end that asks Amazon Bedrock itself.
//
// Make a [Backend] with [New]; it reads the standard AWS configuration: the
// environment, ~/.aws/config and ~/.aws/credentials, single sign-on, roles.
// [Where] reports which profile and which Region are in force and what
// decided it.
//
//	*outcrop.Call ── request (path, headers, bytes as they came) ── sign ── send
//	     ── whole reply: bytes as they came · stream: frame by frame
//
// A call's Raw goes out byte for byte, whatever it holds: members that this
// version does not know, guardrailConfig and guardContent among them, reach
// the model. What comes back is not decoded either, only checked: a stream's
// frames by their checksums, a reply for being JSON. So the package works for
// operations that it has no types for, ApplyGuardrail and asynchronous
// invocation among them (see [outcrop.NewOperationCall]).
//
// Nothing is retried here; package route does that. Every wait has a limit,
// see [Limits], and every failure is one *outcrop.Error, with the part of the
// reply that had arrived.
//
// # Permissions
//
// The least that the credentials need, by what is used of it. Bedrock has no
// actions of their own for Converse and ConverseStream:
//
//	bedrock:InvokeModel                    InvokeModel, Converse
//	bedrock:InvokeModelWithResponseStream  InvokeModelWithResponseStream, ConverseStream
//	bedrock:CountTokens                    CountTokens
//	bedrock:ApplyGuardrail                 ApplyGuardrail, and calls with guardrailConfig
//	bedrock:InvokeModel, bedrock:GetAsyncInvoke, bedrock:ListAsyncInvokes
//	                                       asynchronous invocation
//	bedrock:ListFoundationModels, bedrock:ListInferenceProfiles
//	                                       Models
//	bedrock:CreateModelInvocationJob and its sisters, iam:PassRole
//	                                       Jobs
//	bedrock:GetFoundationModelAvailability, servicequotas:ListServiceQuotas
//	                                       Availability, Quotas
//	bedrock:CallWithBearerToken            all of them, with AWS_BEARER_TOKEN_BEDROCK
//	sts:AssumeRole                         Config.AssumeRole, on the roles' ARNs
//
// The first three are granted on foundation-model ARNs; for an inference
// profile on the profile's ARN and on the model's in every Region to which it
// routes. docs/aws-account.md has policies.
package amazon
