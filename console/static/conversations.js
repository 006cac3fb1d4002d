// Conversations: what the server remembers, to read and to delete.

import { $, draw, el, empty, facts, problem, table } from "./dom.js";
import { again, ask, json } from "./api.js";
import { count, duration, plural, pretty, when } from "./format.js";

export const every = 5000;

const perPage = 100;
let pages = 1; // of the list

const path = (id) => `/conversations/${encodeURIComponent(id)}`;
const route = (id) => `#/conversations/${encodeURIComponent(id)}`;

// open asks for all conversations, or for the one that is named.
export async function open(id) {
	const data = id ? await json("GET", path(id)).catch(gone) : await read();
	return () => draw($("conversations-list"), data, id ? one : list);
}

// gone takes away what is shown of another conversation, beside the error.
function gone(e) {
	if (e.status === 404) e.shows = () => draw($("conversations-list"), null, () => el("a", { href: "#/conversations" }, "All conversations"));
	throw e;
}

// read asks for as many pages as are shown.
async function read() {
	const all = { conversations: [] };
	for (let n = 0; n < pages && (n === 0 || all.nextToken); n++) {
		const page = await json("GET", `/conversations?maxResults=${perPage}${all.nextToken ? `&nextToken=${encodeURIComponent(all.nextToken)}` : ""}`);
		all.conversations.push(...page.conversations);
		all.nextToken = page.nextToken;
	}
	return all;
}

function list({ conversations, nextToken }) {
	if (conversations.length === 0) {
		return empty("Nothing is remembered yet.", "A request that names a conversation is kept: fill in Conversation under ", el("a", { href: "#/try" }, "Try"), ", or set ", el("code", {}, "outcrop:conversation"), " in requestMetadata.");
	}
	return [
		table("Conversations, by name", [
			{ name: "Conversation", of: (c) => el("a", { href: route(c.conversationId), "data-key": `read ${c.conversationId}` }, c.conversationId) },
			{ name: "Turns", number: true, of: (c) => count(c.turns) },
			{ name: "Model", of: (c) => c.modelId },
			{ name: "Last turn", brief: true, of: (c) => when(c.updatedAt) },
			{ name: "", of: (c) => remover(c.conversationId) },
		], conversations),
		nextToken && el("p", {}, el("button", { type: "button", "data-key": "more", click: () => (pages++, again()) }, "Show more")),
	];
}

// remover is a button that deletes when it is pressed twice.
function remover(id) {
	let sure = false;
	const button = el("button", { type: "button", class: "small", "data-key": `delete ${id}` }, "Delete");
	const reset = () => ((sure = false), (button.textContent = "Delete"));
	button.addEventListener("blur", reset);
	button.addEventListener("click", async () => {
		if (!sure) {
			sure = true;
			button.textContent = "Delete for good?";
			return;
		}
		try {
			await ask("DELETE", path(id));
			if (location.hash === "#/conversations") again();
			else location.hash = "#/conversations";
		} catch (e) {
			reset();
			button.after(problem(e));
		}
	});
	return button;
}

function one(c) {
	return [
		el("p", {}, el("a", { href: "#/conversations" }, "All conversations")),
		el("h3", {}, c.conversationId),
		el("p", { class: "buttons" }, el("a", { href: `#/try/${encodeURIComponent(c.conversationId)}` }, "Go on with it"), remover(c.conversationId)),
		facts([
			["Turns", count(c.turns)],
			["Begun", when(c.createdAt)],
			["Last turn", when(c.updatedAt)],
			["Model", c.modelId],
			["Under way", c.pendingTurn && `turn ${c.pendingTurn}`],
		]),
		c.system && el("details", {}, el("summary", {}, "System prompt"), el("div", { class: "words" }, c.system.map(block))),
		el("ol", { class: "turns" }, c.history.map(turn)),
	];
}

function turn(t) {
	return el(
		"li",
		{},
		t.messages.map((m) => el("div", { class: `said ${m.role}` }, el("p", { class: "faint" }, m.role), m.content.map(block))),
		el("p", { class: "faint" }, [`turn ${t.turn}`, when(t.at), t.usage && `${plural(t.usage.inputTokens, "token")} in, ${count(t.usage.outputTokens)} out`, t.latencyMs && duration(t.latencyMs), t.interrupted ? "interrupted" : t.stopReason].filter(Boolean).join(" · ")),
	);
}

// block is one block of a message. What is no text is named, with what can be read
// of it.
function block(b) {
	if (b.text !== undefined) return el("p", { class: "words" }, b.text);
	const [[kind, value] = ["nothing", {}]] = Object.entries(b);
	const bytes = value?.source?.bytes;
	if (bytes) return el("p", { class: "faint" }, `${kind}: ${value.name ?? ""} ${value.format ?? ""}, about ${count(Math.round((bytes.length * 3) / 4))} bytes`);
	return el("details", {}, el("summary", {}, kind), el("pre", {}, pretty(value)));
}
