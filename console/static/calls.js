// Calls: what the simulator was asked last.

import { $, draw, el, empty, table } from "./dom.js";
import { json, simulators, token } from "./api.js";
import { count, when } from "./format.js";

export const every = 2000;

const shown = 100;
let refused = null; // the key to which they are not shown, which is asked once

export async function open() {
	const data = await read();
	return () => draw($("calls-list"), data, list);
}

async function read() {
	if (simulators.length === 0) return { none: true };
	if (refused === token.get()) return { hidden: true };
	try {
		return await json("GET", "/outcrop/requests");
	} catch (e) {
		if (e.code === "ResourceNotFoundException") return { none: true };
		if (e.code !== "AccessDeniedException") throw e;
		refused = token.get();
		return { hidden: true };
	}
}

function list({ none, hidden, requests = [] }) {
	if (none) return empty("No simulator answers here.", "It alone keeps its calls, for tests to look at. The server’s log has a line for each request.");
	if (hidden) return empty("Operators see the calls.", "They are those of all tenants; tenants.NAME.operator makes a tenant one.");
	if (requests.length === 0) return empty("The simulator was not asked yet.", "Send a call under ", el("a", { href: "#/try" }, "Try"), ", or from your program.");
	const newest = requests.slice(-shown).reverse();
	const prompts = newest.some((r) => r.Prompt);
	return [
		table(`The last ${count(newest.length)} calls, the newest first`, [
			{ name: "Time", brief: true, of: (r) => when(r.Time) },
			{ name: "Operation", brief: true, of: (r) => r.Operation },
			{ name: "Model", of: (r) => r.AskedModel },
			{ name: "Outcome", of: (r) => (r.ErrorCode ? el("span", { class: "bad" }, r.ErrorCode, r.Field && ` (${r.Field})`) : r.StopReason || "under way") },
			{ name: "Tokens", number: true, of: (r) => `${count(r.Usage.inputTokens)} in, ${count(r.Usage.outputTokens)} out` },
			newest.some((r) => r.Rule) && { name: "Rule", of: (r) => r.Rule },
			prompts && { name: "Prompt", of: (r) => el("span", { class: "words" }, r.Prompt) },
			{ name: "Request id", of: (r) => el("code", {}, r.RequestID) },
		].filter(Boolean), newest),
		!prompts && el("p", { class: "faint" }, "Prompts are not kept: outcrop serve --log-prompts keeps them."),
	];
}
