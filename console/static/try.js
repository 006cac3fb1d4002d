// Try: one call, its answer as it arrives, and the same call as lines to copy.

import { $, el, empty, facts, lines, problem, show } from "./dom.js";
import { ask, Failure, json, server, simulators } from "./api.js";
import { commands } from "./command.js";
import { events } from "./eventstream.js";
import { count, duration, pretty } from "./format.js";
import { nativeBody } from "./native.js";

const form = $("try-form");
const sample = { converse: "What is quantum computing?", construct: "Extract: John Doe is 42 and lives in Paris" };
const schema = {
	type: "object",
	properties: { name: { type: "string" }, age: { type: "integer" }, city: { type: "string" } },
	required: ["name", "age"],
};

let models = [];
let underway = null; // the AbortController of the call under way
let lastBody = ""; // the sample that was put into the body, if nobody has changed it

const method = () => form.elements.method.value;
const model = () => $("try-model").value;

// open makes the form ready, for a conversation where one is named.
export async function open(conversation) {
	if (conversation) {
		form.elements.method.value = "converse";
		$("try-conversation").value = conversation;
	}
	refresh();
	if (models.length === 0) await listModels();
	refresh();
}

async function listModels() {
	models = (await json("GET", "/foundation-models")).modelSummaries;
	models.sort((a, b) => a.providerName.localeCompare(b.providerName) || a.modelName.localeCompare(b.modelName));
	offer();
}

// fits tells whether the chosen method is one for the model, as far as the list says.
function fits(m) {
	return method() === "invoke" || m.outputModalities.includes("TEXT");
}

// offer fills the list with the models that the filter leaves. A name that is no
// model's id stands at its end, for aliases, profiles and ARNs.
function offer() {
	const words = $("try-filter").value.trim().toLowerCase().split(/\s+/);
	const text = (m) => `${m.modelName} ${m.modelId} ${m.providerName}`.toLowerCase();
	const chosen = model();
	const found = models.filter((m) => fits(m) && words.every((w) => text(m).includes(w)));
	const options = found.map((m) => el("option", { value: m.modelId }, `${m.modelName} · ${m.modelId}`));
	const typed = $("try-filter").value.trim();
	if (typed && !typed.includes(" ") && !models.some((m) => m.modelId === typed)) {
		options.push(el("option", { value: typed }, `${typed} · as typed`));
	}
	$("try-model").replaceChildren(...options);
	$("try-model").value = options.some((o) => o.value === chosen) ? chosen : (preferred(found) ?? options[0]?.value);
	const where = found.length === models.length ? "" : ` of ${count(models.length)}`;
	$("try-models-note").textContent = models.length ? `${count(found.length)}${where} models. Aliases, inference profiles and ARNs can be typed above.` : "";
}

// preferred is what is chosen where nobody has chosen.
const preferred = (found) => found.find((m) => m.modelId === "amazon.nova-lite-v1:0")?.modelId;

// refresh brings the form in line with the method and the model, and the lines with
// the form.
function refresh() {
	for (const part of form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(method());
	$("try-conversation").disabled = method() !== "converse"; // or its pattern holds up the other methods
	if ($("try-body").value === lastBody) fillBody();
	const prompt = $("try-prompt");
	if (prompt.value === "" || Object.values(sample).includes(prompt.value)) prompt.value = sample[method()] ?? prompt.value;
	showCommand();
}

function fillBody() {
	lastBody = $("try-body").value = pretty(nativeBody(model() ?? "", sample.converse));
}

// body is what is sent: text for InvokeModel, a value otherwise. It throws a Failure
// where the form holds what nobody could send.
function body() {
	if (method() === "invoke") return $("try-body").value;
	const prompt = $("try-prompt").value;
	const system = $("try-system").value.trim();
	const config = {};
	if ($("try-max").value) config.maxTokens = Number($("try-max").value);
	if ($("try-temperature").value) config.temperature = Number($("try-temperature").value);
	const body = method() === "converse" ? { messages: [{ role: "user", content: [{ text: prompt }] }] } : { prompt, schema: readSchema() };
	if (system) body.system = [{ text: system }];
	if (Object.keys(config).length) body.inferenceConfig = config;
	const conversation = $("try-conversation").value.trim();
	if (method() === "converse" && conversation) body.requestMetadata = { "outcrop:conversation": conversation };
	return body;
}

function readSchema() {
	try {
		return JSON.parse($("try-schema").value);
	} catch (e) {
		throw new Failure(`The schema is no JSON: ${e.message}`, { code: "Schema", hint: "Mend it above; the last line of the message says where it breaks." });
	}
}

function showCommand() {
	let sent;
	try {
		sent = body();
	} catch (e) {
		show($("try-command"), el("p", { class: "faint" }, e.message));
		return;
	}
	const all = commands({ method: method(), model: model() || "MODEL", body: sent, server: server.address, keys: server.guarded });
	const language = document.querySelector("input[name=language]:checked").value;
	show($("try-command"), lines(all[language], "The call"));
	const credentials = language === "curl" ? "" : server.guarded ? " It takes its key from AWS_BEARER_TOKEN_BEDROCK." : " Any credentials will do, but it wants some: see Connect.";
	$("try-command-note").textContent = (all.note + credentials).trim();
}

// send makes the call and follows it to its end.
async function send() {
	if (underway) return;
	let sent;
	show($("try-form-problem"));
	try {
		if (!model()) throw new Failure("No model is chosen.", { code: "Model", hint: "Choose one of the list, or type the id of one." });
		sent = body();
	} catch (e) {
		show($("try-form-problem"), problem(e));
		return;
	}
	const call = { method: method(), model: model(), sent, begun: performance.now(), text: "", controller: new AbortController() };
	underway = call.controller;
	busy(true);
	$("try-state").textContent = "Waiting for the first token…";
	try {
		await ways[call.method](call);
		$("try-state").textContent = "Done.";
	} catch (e) {
		if (call.controller.signal.aborted) {
			$("try-state").textContent = "Stopped.";
			if (call.show) call.show({ "stop reason": "stopped here" });
			else show($("try-answer"));
		} else {
			$("try-state").textContent = "Failed.";
			show($("try-answer"), call.text && el("div", { class: "answer" }, call.text), problem(e instanceof Failure ? e : broken(e)), ...details(e));
		}
	} finally {
		underway = null;
		busy(false);
	}
}

function busy(on) {
	$("try-send").disabled = on;
	$("try-stop").disabled = !on;
	$("try-answer").setAttribute("aria-busy", on);
}

const post = (call, operation) => ask("POST", `/model/${encodeURIComponent(call.model)}/${operation}`, { body: call.sent, signal: call.controller.signal });

// ways are how each method is called and shown.
const ways = {
	async converse(call) {
		const reply = await post(call, "converse-stream");
		const said = el("div", { class: "answer" });
		const thought = el("div", { class: "answer faint" });
		const about = el("div");
		let [first, stop, meta] = [null, "", {}];
		call.show = (more = {}) => {
			show(about, aboutReply(call, reply, { "Stop reason": more["stop reason"] ?? stop, usage: meta.usage, "Model’s latency": meta.metrics && duration(meta.metrics.latencyMs), "First token after": first && duration(first), Altogether: duration(performance.now() - call.begun) }));
		};
		show($("try-answer"), thought, said, about);
		for await (const { type, value, error } of events(reply.body)) {
			if (error) throw inBand(type, value, reply);
			if (type === "contentBlockDelta") {
				if (first === null) $("try-state").textContent = "The answer is arriving…";
				first ??= performance.now() - call.begun;
				const { text = value.delta.toolUse?.input, reasoningContent } = value.delta;
				if (text) said.append(text);
				if (reasoningContent?.text) thought.append(reasoningContent.text);
				call.text += text ?? "";
			}
			if (type === "messageStop") stop = value.stopReason;
			if (type === "metadata") meta = value;
		}
		if (!meta.usage) throw new Failure("The stream ended before its last event.", { code: "Incomplete", requestId: reply.headers.get("X-Amzn-Requestid"), hint: "The reply is incomplete: the connection was cut. Send it again." });
		call.show();
	},

	async construct(call) {
		const reply = await post(call, "construct");
		const value = await reply.json();
		const { trace } = value;
		show(
			$("try-answer"),
			lines(typeof value.output === "string" ? value.output : pretty(value.output), "The validated value"),
			aboutReply({ model: trace?.modelId ?? call.model }, reply, {
				"Stop reason": value.stopReason, usage: value.usage, "Model’s latency": duration(value.metrics?.latencyMs), Altogether: duration(performance.now() - call.begun),
				Attempts: trace && `${trace.attempts.length}, by ${trace.strategy}`, "Fell back to": trace?.modelId !== call.model && trace?.modelId,
			}),
		);
	},

	async invoke(call) {
		const reply = await post(call, "invoke");
		const text = await reply.text();
		const number = (name) => reply.headers.has(name) ? Number(reply.headers.get(name)) : undefined;
		const usage = { inputTokens: number("X-Amzn-Bedrock-Input-Token-Count"), outputTokens: number("X-Amzn-Bedrock-Output-Token-Count") };
		show($("try-answer"), lines(indented(text), "The reply’s body"), aboutReply(call, reply, { usage, "Model’s latency": duration(number("X-Amzn-Bedrock-Invocation-Latency")), Altogether: duration(performance.now() - call.begun) }));
	},
};

// inBand is the error with which a stream ended.
function inBand(type, value, reply) {
	return new Failure(value.message, { code: type[0].toUpperCase() + type.slice(1), requestId: reply.headers.get("X-Amzn-Requestid"), body: value, hint: "It came within the stream: what is above is a part of the answer." });
}

// broken is what the browser says of a reply that it could not read to its end.
function broken(e) {
	return new Failure(e.message, { code: "Broken reply", hint: "The connection was cut, or what came is no reply of Bedrock’s. What is above is a part of the answer." });
}

// details are what a failed Construct tells beside its message.
function details({ body }) {
	if (!body?.errors) return [];
	return [
		el("h4", {}, "What did not fit the schema"),
		el("ul", {}, body.errors.map((e) => el("li", {}, el("code", {}, e.path || "/"), ` ${e.message}`))),
		body.partialOutput !== undefined && lines(pretty(body.partialOutput), "The value that came closest"),
	];
}

// aboutReply is what is known of a reply beside its text.
function aboutReply(call, reply, { usage, ...more }) {
	const h = (name) => reply.headers.get(name);
	const backend = h("X-Outcrop-Backend") ?? models.find((m) => m.modelId === call.model)?.outcrop?.backend;
	const turn = h("X-Outcrop-Turn");
	return facts([
		["Answered by", backend && (simulators.includes(backend) ? `${backend}, which is no model` : backend)],
		["Model", h("X-Outcrop-Model")],
		["Tokens", usage?.inputTokens != null && `${count(usage.inputTokens)} in, ${count(usage.outputTokens)} out${h("X-Outcrop-Usage") === "estimated" ? ", estimated" : ""}`],
		...Object.entries(more).map(([name, value]) => [name, value || null]),
		["Conversation", turn && el("a", { href: `#/conversations/${encodeURIComponent(h("X-Outcrop-Conversation"))}` }, `${h("X-Outcrop-Conversation")}, turn ${turn}`)],
		["Queued", h("X-Outcrop-Queued-Ms") && duration(Number(h("X-Outcrop-Queued-Ms")))],
		["Request id", el("code", {}, h("X-Amzn-Requestid"))],
	]);
}

function indented(text) {
	try {
		return pretty(JSON.parse(text));
	} catch {
		return text; // not every model answers in JSON
	}
}

$("try-schema").value = pretty(schema);
show($("try-answer"), empty("Nothing was sent yet.", "Write a prompt and press Send: the answer appears here as it is written."));
form.addEventListener("submit", (e) => {
	e.preventDefault();
	send();
});
form.addEventListener("input", (e) => {
	if (e.target === $("try-filter") || e.target.name === "method") offer();
	refresh();
});
form.addEventListener("keydown", (e) => {
	if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) form.requestSubmit();
});
for (const radio of document.querySelectorAll("input[name=language]")) radio.addEventListener("change", showCommand);
$("try-stop").addEventListener("click", () => underway?.abort());
$("try-sample").addEventListener("click", () => {
	fillBody();
	showCommand();
});
