// A body in a model's own format, to begin with. The families are those of
// docs/methods; what is not here takes Chat Completions.

const chat = (prompt) => ({ messages: [{ role: "user", content: prompt }], max_tokens: 500 });

const families = [
	["anthropic.claude", (prompt) => ({ anthropic_version: "bedrock-2023-05-31", max_tokens: 500, messages: [{ role: "user", content: prompt }] })],
	["amazon.nova", (prompt) => ({ messages: [{ role: "user", content: [{ text: prompt }] }], inferenceConfig: { maxTokens: 500 } })],
	["amazon.titan-embed", (prompt) => ({ inputText: prompt })],
	["amazon.titan", (prompt) => ({ inputText: prompt, textGenerationConfig: { maxTokenCount: 500 } })],
	["meta.llama", (prompt) => ({ prompt, max_gen_len: 500 })],
	["mistral.pixtral", chat],
	["mistral.", (prompt) => ({ prompt: `<s>[INST] ${prompt} [/INST]`, max_tokens: 500 })],
	["cohere.command-r", (prompt) => ({ message: prompt, max_tokens: 500 })],
	["cohere.embed", (prompt) => ({ texts: [prompt], input_type: "search_document" })],
	["deepseek.", (prompt) => ({ prompt, max_tokens: 500 })],
];

// nativeBody is a body for a model, by its id or that of an inference profile.
export function nativeBody(model, prompt) {
	const id = model.replace(/^arn:.*\//, "").replace(/^(us|eu|apac|global|us-gov|ca|jp|au|sa)\./, "");
	const [, make] = families.find(([prefix]) => id.startsWith(prefix)) ?? [null, chat];
	return make(prompt);
}
