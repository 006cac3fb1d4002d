// Quota and usage: who used what, how near the limits are, and how the quota books
// stand.

import { $, bar, draw, el, empty, facts, table } from "./dom.js";
import { again, json, token } from "./api.js";
import { count, duration, percent, plural, short, usd, when } from "./format.js";

export const every = 3000;

export async function open() {
	const by = $("usage-by").value;
	const [report, books] = await Promise.all([
		json("GET", `/usage?by=${encodeURIComponent(by)}&since=${$("usage-since").value}`),
		quota(),
	]);
	return () => {
		draw($("usage-total"), report.total, total);
		draw($("usage-rows"), { by, rows: report.rows }, rows);
		draw($("usage-limits"), report.forecasts, limits);
		draw($("quota-books"), { ...books, time: undefined }, quotaBooks);
	};
}

// refused is the key to which the books, which are about all tenants, are not shown.
// They are asked for once: each refusal is an error in the browser's console.
let refused = null;

async function quota() {
	if (refused === token.get()) return { hidden: true };
	try {
		return await json("GET", "/quota");
	} catch (e) {
		if (e.code !== "AccessDeniedException") throw e;
		refused = token.get();
		return { hidden: true };
	}
}

const errors = (c) => Object.values(c.errors ?? {}).reduce((a, b) => a + b, 0);

function total(c) {
	if (c.requests === 0) return empty("Nothing was used in this time.", "Send a call under ", el("a", { href: "#/try" }, "Try"), "; the books have it at once.");
	return facts([
		["Requests", count(c.requests)],
		["Errors", count(errors(c))],
		["Refused", c.refused && count(c.refused)],
		["Input tokens", count(c.inputTokens)],
		["Output tokens", count(c.outputTokens)],
		["Cost", usd(c.usd) + (c.unpriced ? `, ${plural(c.unpriced, "call")} without a price` : "")],
		["Average time", duration(c.durationMs / c.requests)],
		["Longest", duration(c.maxDurationMs)],
	]);
}

// names are the columns that tell rows apart.
const names = {
	tenant: { name: "Tenant", of: (r) => r.tenant ?? "(none)" },
	model: { name: "Model", of: (r) => r.model ?? "(none)" },
	method: { name: "Method", brief: true, of: (r) => r.method ?? "(none)" },
	day: { name: "Day (UTC)", brief: true, of: (r) => r.hour.slice(0, 10) },
	hour: { name: "Hour (UTC)", brief: true, of: (r) => r.hour.slice(0, 16).replace("T", " ") },
};

function rows({ by, rows }) {
	if (rows.length === 0) return [];
	return table("Usage by " + by.replaceAll(",", ", "), [
		...by.split(",").map((name) => names[name]),
		{ name: "Requests", number: true, of: (r) => count(r.requests) },
		{ name: "Errors", number: true, of: (r) => (r.errors ? el("span", {}, count(errors(r)), el("br"), el("span", { class: "faint" }, Object.entries(r.errors).map(([code, n]) => `${code} ${count(n)}`).join(", "))) : "0") },
		{ name: "Input", number: true, of: (r) => count(r.inputTokens) },
		{ name: "Output", number: true, of: (r) => count(r.outputTokens) },
		{ name: "Cost", number: true, of: (r) => usd(r.usd) + (r.unpriced === r.requests ? " (no price)" : "") },
		{ name: "Average time", number: true, of: (r) => duration(r.durationMs / r.requests) },
	], rows);
}

function limits(forecasts) {
	if (forecasts.length === 0) return [];
	const amount = (f, n) => (f.limit.startsWith("spending") ? usd(n) : short(Math.round(n)));
	return table("Limits of tenants", [
		{ name: "Tenant", of: (f) => f.tenant },
		{ name: "Limit", of: (f) => f.limit },
		{ name: "Used", of: (f) => el("div", {}, `${amount(f, f.used)} of ${amount(f, f.max)}, ${percent(f.used, f.max)}`, bar(f.used, f.max, `${f.limit} of ${f.tenant}`)) },
		{ name: "Reached", brief: true, of: (f) => (f.reachedAt ? when(f.reachedAt) : "not at this rate") },
		{ name: "Begins anew", brief: true, of: (f) => when(f.resetsAt) },
	], forecasts);
}

function quotaBooks({ hidden, observe, rules = [], pools = [], lanes = [], backends = [] }) {
	if (hidden) return empty("Operators see the quota books.", "They are about all tenants; tenants.NAME.operator makes a tenant one.");
	const parts = [];
	if (observe) parts.push(el("p", {}, "Observing: calls are booked, and neither delayed nor changed."));
	if (pools.length) parts.push(...pools.map(pool));
	else if (rules.length) parts.push(ruleTable(rules));
	else if (lanes.length === 0) parts.push(unset());
	if (backends.length) parts.push(queues(backends));
	if (lanes.length) parts.push(laneTable(lanes));
	return parts;
}

function unset() {
	return empty("No quotas are set: calls go as they come.", "The section ", el("code", {}, "quotas"), " of the configuration has calls wait their turn instead of being throttled; ", el("code", {}, "outcrop quota pull"), " writes it from an AWS account.");
}

function pool(p) {
	const amount = (name, a) => a.limit > 0 && [name, el("div", {}, `${short(a.used + a.held)} of ${short(a.limit)}${a.held ? `, ${short(a.held)} of it held` : ""}`, bar(a.used + a.held, a.limit, `${name} of ${p.model}`))];
	const queued = p.queued.interactive + p.queued.batch + p.queued.background;
	const s = p.stats;
	return el(
		"article",
		{ class: "card" },
		el("h4", {}, p.model, el("span", { class: "faint" }, ` ${[p.scope, p.methods, p.backend, p.account !== p.backend && p.account].filter(Boolean).join(" · ")}`)),
		facts([
			amount(`Tokens in ${duration(1000 * p.windowSeconds)}`, p.tokens),
			amount("Requests", p.requests),
			amount("Tokens of the day", p.day),
			["Under way", p.concurrent ? `${count(p.inflight)} of ${count(p.concurrent)}` : count(p.inflight)],
			["Waiting", queued ? `${count(queued)}: ${count(p.queued.interactive)} interactive, ${count(p.queued.batch)} batch, ${count(p.queued.background)} background` : "nobody"],
			["What binds", p.binds && `${p.binds}${p.waiting ? ", now" : ""}`],
		].filter(Boolean)),
		el("p", {}, `So far ${count(s.admitted)} were admitted${s.waited ? `, ${count(s.waited)} of them after waiting, ${duration(s.longestMs)} at most` : ""}; ${count(s.refused)} were refused, ${count(s.throttled)} throttled by the service.`),
		p.advice && el("p", {}, "Advice: ", p.advice),
	);
}

function ruleTable(rules) {
	const limit = (n) => (n ? short(n) : "–");
	return table("Quotas that are set; no call was governed yet", [
		{ name: "Models", of: (r) => r.match },
		{ name: "Back-end", of: (r) => r.backend },
		{ name: "Scope", of: (r) => r.scope },
		{ name: "Tokens a minute", number: true, of: (r) => (r.learn && !r.tpm ? "learned" : limit(r.tpm)) },
		{ name: "Requests a minute", number: true, of: (r) => limit(r.rpm) },
		{ name: "Tokens a day", number: true, of: (r) => limit(r.tokensPerDay) },
		{ name: "At once", number: true, of: (r) => limit(r.concurrent) },
	], rules);
}

function queues(backends) {
	const waiting = (q = {}) => (q.interactive ?? 0) + (q.batch ?? 0) + (q.background ?? 0);
	return table("Calls at back-ends", [
		{ name: "Back-end", of: (b) => b.backend },
		{ name: "Under way", number: true, of: atBackend },
		{ name: "Interactive, waiting", number: true, of: (b) => count(b.queued?.interactive ?? 0) },
		{ name: "All waiting", number: true, of: (b) => count(waiting(b.queued)) },
	], backends);
}

// atBackend is how many calls are under way, of how many, where that is bounded or
// was found out.
function atBackend({ inflight, concurrent, tried }) {
	if (!concurrent) return count(inflight);
	return tried ? `${count(inflight)}; jobs make room from ${count(concurrent)} on` : `${count(inflight)} of ${count(concurrent)}`;
}

function laneTable(lanes) {
	return table("Lanes", [
		{ name: "Models", of: (l) => l.match },
		{ name: "Back-end", of: (l) => l.backend },
		{ name: "Asked as", of: (l) => l.model },
		{ name: "Price", number: true, of: (l) => String(l.price) },
	], lanes);
}

$("usage-form").addEventListener("change", again);
$("usage-form").addEventListener("submit", (e) => e.preventDefault());
