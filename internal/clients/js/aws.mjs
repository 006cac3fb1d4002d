// The AWS SDK for JavaScript v3. Its bedrock-runtime client speaks h2c where
// the endpoint is plain http; CLIENT_TRANSPORT=h1 gives it the HTTP/1.1 handler.
import * as control from "@aws-sdk/client-bedrock";
import * as runtime from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";

import { run, setEnv, weatherTool } from "./loop.mjs";

let client, bedrock;

function connect() {
	const options = process.env.CLIENT_TRANSPORT === "h1" ? { requestHandler: new NodeHttpHandler() } : {};
	client?.destroy();
	client = new runtime.BedrockRuntimeClient(options);
	bedrock?.destroy();
	bedrock = new control.BedrockClient({});
}

const text = (message) => message.content.map((block) => block.text ?? "").join("");
const user = (words) => ({ role: "user", content: [{ text: words }] });
const meta = (out) => ({ status: out.$metadata.httpStatusCode, requestId: out.$metadata.requestId, attempts: out.$metadata.attempts });
const decode = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

// counted has an error that ends a stream say how many events came before it.
async function* counted(stream) {
	let events = 0;
	try {
		for await (const event of stream) {
			events++;
			yield event;
		}
	} catch (error) {
		error.events = events;
		throw error;
	}
}

async function readStream(out) {
	const read = { ...meta(out), events: [], text: "" };
	for await (const event of counted(out.stream)) {
		const [[type, value]] = Object.entries(event);
		read.events.push(type);
		read.text += value.delta?.text ?? "";
		read.stopReason ??= value.stopReason;
		read.usage ??= value.usage;
	}
	return read;
}

const cases = {
	// configure changes the environment and makes the clients anew.
	async configure({ env }) {
		setEnv(env);
		connect();
		return { handler: client.config.requestHandler.constructor.name };
	},

	async converse({ modelId, words, metadata }) {
		const out = await client.send(new runtime.ConverseCommand({ modelId, messages: [user(words)], requestMetadata: metadata }));
		return { ...meta(out), text: text(out.output.message), stopReason: out.stopReason, usage: out.usage };
	},

	async converseStream({ modelId, words, metadata }) {
		return readStream(await client.send(new runtime.ConverseStreamCommand({ modelId, messages: [user(words)], requestMetadata: metadata })));
	},

	async invoke({ modelId, body }) {
		const out = await client.send(new runtime.InvokeModelCommand({ modelId, body: JSON.stringify(body) }));
		return { ...meta(out), contentType: out.contentType, body: decode(out.body) };
	},

	async invokeStream({ modelId, body }) {
		const out = await client.send(new runtime.InvokeModelWithResponseStreamCommand({ modelId, body: JSON.stringify(body) }));
		const chunks = [];
		for await (const event of counted(out.body)) chunks.push(decode(event.chunk.bytes));
		return { ...meta(out), chunks };
	},

	async tools({ modelId, words }) {
		const { name, description, schema } = weatherTool;
		const toolConfig = { tools: [{ toolSpec: { name, description, inputSchema: { json: schema } } }] };
		const messages = [user(words)];
		const first = await client.send(new runtime.ConverseCommand({ modelId, messages, toolConfig }));
		const use = first.output.message.content.find((block) => block.toolUse).toolUse;
		messages.push(first.output.message, {
			role: "user",
			content: [{ toolResult: { toolUseId: use.toolUseId, content: [{ json: { sky: "clear", celsius: 21 } }] } }],
		});
		const second = await client.send(new runtime.ConverseCommand({ modelId, messages, toolConfig }));
		return { firstStop: first.stopReason, usage: first.usage, tool: use.name, input: use.input, stopReason: second.stopReason, text: text(second.output.message) };
	},

	async countTokens({ modelId, words, body }) {
		const input = body ? { invokeModel: { body: JSON.stringify(body) } } : { converse: { messages: [user(words)] } };
		const out = await client.send(new runtime.CountTokensCommand({ modelId, input }));
		return { ...meta(out), inputTokens: out.inputTokens };
	},

	async listModels({ provider }) {
		const out = await bedrock.send(new control.ListFoundationModelsCommand({ byProvider: provider }));
		return { ...meta(out), ids: out.modelSummaries.map((model) => model.modelId), providers: [...new Set(out.modelSummaries.map((model) => model.providerName))] };
	},

	async getModel({ modelId }) {
		const out = await bedrock.send(new control.GetFoundationModelCommand({ modelIdentifier: modelId }));
		return { ...meta(out), id: out.modelDetails.modelId, arn: out.modelDetails.modelArn, streaming: out.modelDetails.responseStreamingSupported };
	},

	async listProfiles() {
		const ids = [];
		let pages = 0;
		for await (const page of control.paginateListInferenceProfiles({ client: bedrock, pageSize: 20 }, {})) {
			pages++;
			ids.push(...page.inferenceProfileSummaries.map((profile) => profile.inferenceProfileId));
		}
		return { ids, pages };
	},

	async getProfile({ profileId }) {
		const out = await bedrock.send(new control.GetInferenceProfileCommand({ inferenceProfileIdentifier: profileId }));
		return { ...meta(out), id: out.inferenceProfileId, arn: out.inferenceProfileArn, models: out.models.length };
	},

	async getJob({ job }) {
		return meta(await bedrock.send(new control.GetModelInvocationJobCommand({ jobIdentifier: job })));
	},
};

await run(cases, (error) => ({
	exception: error instanceof runtime.BedrockRuntimeServiceException || error instanceof control.BedrockServiceException,
	status: error.$metadata?.httpStatusCode,
	requestId: error.$metadata?.requestId,
	attempts: error.$metadata?.attempts,
	events: error.events,
}));
