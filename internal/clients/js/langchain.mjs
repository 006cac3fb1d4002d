// LangChain.js: ChatBedrockConverse and BedrockEmbeddings of @langchain/aws,
// which call the AWS SDK for JavaScript.
import { BedrockEmbeddings, ChatBedrockConverse } from "@langchain/aws";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { z } from "zod";

import { run, setEnv, weatherTool } from "./loop.mjs";

const usage = (u) => ({ inputTokens: u.input_tokens, outputTokens: u.output_tokens, totalTokens: u.total_tokens });
const model = (id, limits) => new ChatBedrockConverse({ model: id, region: process.env.AWS_REGION, maxRetries: 0, ...limits });

await run(
	{
		async configure({ env }) {
			setEnv(env);
			return {};
		},

		async converse({ modelId, words, ...limits }) {
			const out = await model(modelId, limits).invoke([new HumanMessage(words)]);
			return { text: out.text, stopReason: out.response_metadata.stopReason, usage: usage(out.usage_metadata) };
		},

		async converseStream({ modelId, words, ...limits }) {
			let all;
			const events = [];
			for await (const chunk of await model(modelId, limits).stream([new HumanMessage(words)])) {
				events.push(chunk.getType());
				all = all ? all.concat(chunk) : chunk;
			}
			return { text: all.text, stopReason: all.response_metadata.messageStop?.stopReason, usage: usage(all.usage_metadata), events };
		},

		async tools({ modelId, words, ...limits }) {
			const { name, description } = weatherTool;
			const getWeather = tool(async () => "The sky is clear at 21 degrees.", { name, description, schema: z.object({ city: z.string() }) });
			const bound = model(modelId, limits).bindTools([getWeather]);
			const messages = [new HumanMessage(words)];
			const first = await bound.invoke(messages);
			const [call] = first.tool_calls;
			const result = await getWeather.invoke(call);
			messages.push(first, new ToolMessage({ tool_call_id: call.id, content: result.content }));
			const second = await bound.invoke(messages);
			return { firstStop: first.response_metadata.stopReason, tool: call.name, input: call.args, text: second.text, stopReason: second.response_metadata.stopReason };
		},

		async object({ modelId, words, schema = z.object({ name: z.string(), age: z.number().int() }), ...limits }) {
			const structured = model(modelId, limits).withStructuredOutput(schema, { name: "person" });
			return { object: await structured.invoke(words) };
		},

		async embed({ modelId, texts }) {
			const vectors = await new BedrockEmbeddings({ model: modelId, region: process.env.AWS_REGION }).embedDocuments(texts);
			return { vectors: vectors.map((vector) => vector.length) };
		},
	},
	(error) => ({ status: error.$metadata?.httpStatusCode, requestId: error.$metadata?.requestId }),
);
