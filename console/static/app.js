// The page: which section is open, what is asked again while it is, and the key.

import { $, draw, problem, show } from "./dom.js";
import { Failure, server, simulators, token, whenLocked } from "./api.js";
import * as attempt from "./try.js";
import * as calls from "./calls.js";
import * as connect from "./connect.js";
import * as conversations from "./conversations.js";
import * as jobs from "./jobs.js";
import * as usage from "./usage.js";

// sections are what there is, by the route. open(argument) asks for what one shows,
// and returns what shows it; every is after how many milliseconds it is opened again.
const sections = { try: attempt, jobs, conversations, usage, calls, connect };
const retry = 5000; // milliseconds after which one that failed is asked again

let timer = 0;

// route is what the address names: #/jobs/… and not #jobs/…, which would be the
// section's element, to which browsers scroll past the head of the page.
function route() {
	const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
	return Object.hasOwn(sections, name) ? { name, argument: decode(rest.join("/")) } : { name: "try", argument: "" };
}

function decode(text) {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

// go opens the section that the address names.
async function go() {
	const { name, argument } = route();
	if (server.guarded && !token.get()) {
		lock(null);
		return;
	}
	$("lock").hidden = true;
	for (const id of Object.keys(sections)) $(id).hidden = id !== name;
	for (const link of document.querySelectorAll("nav a")) {
		if (link.getAttribute("href") === `#/${name}`) link.setAttribute("aria-current", "page");
		else link.removeAttribute("aria-current");
	}
	document.title = `${document.querySelector("nav a[aria-current]").textContent} · Outcrop`;
	await look(name, argument);
}

// turn counts what was opened: an answer that comes when another section is open
// is of no interest any more.
let turn = 0;

// look has a section ask for its figures, and again from time to time while somebody
// can see it.
async function look(name, argument, again = false) {
	const mine = ++turn;
	clearTimeout(timer);
	let wait = sections[name].every;
	if (!again || document.visibilityState === "visible") {
		let shows, trouble = null;
		try {
			shows = await sections[name].open(argument);
		} catch (e) {
			trouble = e;
			shows = e.shows;
			wait ??= retry;
		}
		if (mine !== turn) return;
		try {
			shows?.();
		} catch (e) {
			trouble ??= e;
		}
		report(trouble);
	}
	if (wait && $("lock").hidden) timer = setTimeout(look, wait, name, argument, true);
}

// report says what went wrong with what a section asked for, or that nothing did.
function report(e) {
	if (e && !(e instanceof Failure)) console.error(e); // of this page, and not of the server
	$("state").textContent = e?.code === "No connection" ? "does not answer" : e?.status === 503 ? "is not ready" : "";
	draw($("trouble"), e ? { code: e.code, status: e.status, message: e.message, hint: e.hint } : null, (e) => (e ? problem(e) : []));
}

// lock asks for a key, since there is none or the server does not know it.
function lock(e) {
	turn++;
	clearTimeout(timer);
	report(null);
	for (const id of Object.keys(sections)) $(id).hidden = true;
	$("lock").hidden = false;
	$("leave").hidden = true;
	show($("lock-problem"), e && token.get() && problem(e));
	token.set("");
	$("lock-key").focus();
}

whenLocked(lock);

$("lock-form").addEventListener("submit", (e) => {
	e.preventDefault();
	token.set($("lock-key").value.trim());
	$("lock-key").value = "";
	$("leave").hidden = false;
	go();
});

$("leave").addEventListener("click", () => {
	token.set("");
	location.reload();
});

function start() {
	$("address").textContent = server.address;
	$("leave").hidden = !token.get();
	if (simulators.length) {
		$("simulated").hidden = false;
		$("simulated").textContent = `Answers of the back-end “${simulators.join("”, “")}” come from no model: it is the built-in simulator, which makes deterministic text of the prompt’s words. Real ones come from back-ends that the configuration names.`;
	}
	addEventListener("hashchange", go);
	document.querySelector(".skip").addEventListener("click", (e) => {
		e.preventDefault(); // its address would be another section's
		$("main").focus();
	});
	document.addEventListener("visibilitychange", () => {
		const { name, argument } = route();
		if (sections[name].every && $("lock").hidden) look(name, argument, true);
	});
	go();
}

start();
