// @anthropic-ai/bedrock-sdk: model-native bodies over HTTP/1.1, with the colons
// of model ids as they are. It does not read AWS_ENDPOINT_URL.
import { AnthropicBedrock } from "@anthropic-ai/bedrock-sdk";

import { run, setEnv, weatherTool } from "./loop.mjs";

let client;

const text = (message) => message.content.map((block) => block.text ?? "").join("");
const user = (content) => ({ role: "user", content });
const bound = ({ maxTokens = 1000, temperature }) => ({ max_tokens: maxTokens, temperature });
const shown = (message) => ({ text: text(message), stopReason: message.stop_reason, usage: { inputTokens: message.usage.input_tokens, outputTokens: message.usage.output_tokens } });

await run(
	{
		async configure({ env }) {
			setEnv(env);
			client = new AnthropicBedrock({
				baseURL: process.env.AWS_ENDPOINT_URL,
				awsRegion: process.env.AWS_REGION,
				awsAccessKey: process.env.AWS_ACCESS_KEY_ID,
				awsSecretKey: process.env.AWS_SECRET_ACCESS_KEY,
				apiKey: null,
				maxRetries: Number(process.env.AWS_MAX_ATTEMPTS) - 1,
			});
			return {};
		},

		converse: async ({ modelId, words, ...limits }) => shown(await client.messages.create({ model: modelId, ...bound(limits), messages: [user(words)] })),

		async converseStream({ modelId, words, ...limits }) {
			const stream = client.messages.stream({ model: modelId, ...bound(limits), messages: [user(words)] });
			const events = [];
			for await (const event of stream) events.push(event.type);
			return { ...shown(await stream.finalMessage()), events };
		},

		async tools({ modelId, words, ...limits }) {
			const { name, description, schema } = weatherTool;
			const tools = [{ name, description, input_schema: schema }];
			const messages = [user(words)];
			const first = await client.messages.create({ model: modelId, ...bound(limits), messages, tools });
			const use = first.content.find((block) => block.type === "tool_use");
			messages.push({ role: "assistant", content: first.content }, user([{ type: "tool_result", tool_use_id: use.id, content: "The sky is clear at 21 degrees." }]));
			const second = await client.messages.create({ model: modelId, ...bound(limits), messages, tools });
			return { firstStop: first.stop_reason, tool: use.name, input: use.input, ...shown(second) };
		},

		async object({ modelId, words, schema, ...limits }) {
			const format = { type: "json_schema", schema };
			const out = await client.messages.create({ model: modelId, ...bound(limits), messages: [user(words)], output_config: { format } });
			return { object: JSON.parse(text(out)) };
		},
	},
	(error) => ({ status: error.status, requestId: error.headers?.get("x-amzn-requestid") }),
);
