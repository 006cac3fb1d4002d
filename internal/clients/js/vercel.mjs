// The Vercel AI SDK with @ai-sdk/amazon-bedrock: Converse over fetch, signed by
// aws4fetch.
import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { embedMany, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import { run, setEnv, weatherTool } from "./loop.mjs";

let bedrock;
const maxRetries = 0;
const bound = ({ maxTokens, temperature }) => ({ maxOutputTokens: maxTokens, temperature });
const usage = (u) => ({ inputTokens: u.inputTokens, outputTokens: u.outputTokens, totalTokens: u.totalTokens });

await run(
	{
		async configure({ env }) {
			setEnv(env);
			bedrock = createAmazonBedrock({ baseURL: process.env.AWS_ENDPOINT_URL });
			return {};
		},

		async converse({ modelId, words, ...limits }) {
			const out = await generateText({ model: bedrock(modelId), prompt: words, maxRetries, ...bound(limits) });
			return { text: out.text, stopReason: out.finishReason, usage: usage(out.usage) };
		},

		async converseStream({ modelId, words, ...limits }) {
			let failed;
			const out = streamText({ model: bedrock(modelId), prompt: words, maxRetries, ...bound(limits), onError: ({ error }) => (failed = error) });
			const events = [];
			for await (const part of out.fullStream) events.push(part.type);
			if (failed) throw failed;
			return { text: await out.text, stopReason: await out.finishReason, usage: usage(await out.usage), events };
		},

		async tools({ modelId, words, ...limits }) {
			const { name, description } = weatherTool;
			const out = await generateText({
				model: bedrock(modelId), prompt: words, maxRetries, ...bound(limits), stopWhen: stepCountIs(2),
				tools: { [name]: tool({ description, inputSchema: z.object({ city: z.string() }), execute: async () => ({ sky: "clear", celsius: 21 }) }) },
			});
			const [first] = out.steps;
			const [call] = first.toolCalls;
			return { firstStop: first.finishReason, tool: call.toolName, input: call.input, text: out.text, stopReason: out.finishReason };
		},

		async object({ modelId, words, schema: json, ...limits }) {
			const schema = json ? jsonSchema(json) : z.object({ name: z.string(), age: z.number().int() });
			const out = await generateText({ model: bedrock(modelId), prompt: words, maxRetries, ...bound(limits), output: Output.object({ schema }) });
			return { object: out.output };
		},

		async embed({ modelId, texts }) {
			const out = await embedMany({ model: bedrock.embedding(modelId), values: texts, maxRetries });
			return { vectors: out.embeddings.map((vector) => vector.length) };
		},
	},
	(error) => ({ status: error.statusCode, requestId: error.responseHeaders?.["x-amzn-requestid"] }),
);
