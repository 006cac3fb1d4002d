// The page: which section is open, what is asked again while it is, and the key.

import { $, problem, show } from "./dom.js";
import { json, server, simulators, token, whenLocked } from "./api.js";
import * as attempt from "./try.js";

// sections are what there is, by the route. open(argument) shows one, and may be
// called again; every is after how many milliseconds it is.
const sections = { try: attempt };

let shown = null; // the section that is open
let timer = 0;

function route() {
	const [name, ...rest] = location.hash.slice(1).split("/");
	return sections[name] ? { name, argument: decode(rest.join("/")) } : { name: "try", argument: "" };
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
	clearTimeout(timer);
	shown = name;
	$("lock").hidden = true;
	for (const id of Object.keys(sections)) $(id).hidden = id !== name;
	for (const link of document.querySelectorAll("nav a")) {
		if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "page");
		else link.removeAttribute("aria-current");
	}
	await look(name, argument);
}

// look has a section ask for its figures, now and from time to time.
async function look(name, argument) {
	const section = sections[name];
	if (document.visibilityState === "visible") {
		try {
			await section.open(argument);
			trouble(null);
		} catch (e) {
			trouble(e);
		}
	}
	if (shown === name && section.every && !locked()) timer = setTimeout(() => shown === name && look(name, argument), section.every);
}

// trouble says what went wrong with what a section asked for.
function trouble(e) {
	$("state").textContent = e?.code === "No connection" ? "does not answer" : "";
	if (locked() || e === null) {
		$("trouble").replaceChildren();
		return;
	}
	show($("trouble"), problem(e));
}

const locked = () => !$("lock").hidden;

// ready says whether the server takes requests.
async function ready() {
	try {
		await json("GET", "/readyz");
		$("state").textContent = "";
	} catch (e) {
		$("state").textContent = e.status === 503 ? "is not ready" : "does not answer";
	}
}

whenLocked((e) => {
	for (const id of Object.keys(sections)) $(id).hidden = true;
	clearTimeout(timer);
	$("lock").hidden = false;
	$("leave").hidden = true;
	show($("lock-problem"), token.get() && problem(e));
	token.set("");
	$("lock-key").focus();
});

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
	server.guarded = token.get() !== "";
	if (simulators.length) {
		$("simulated").hidden = false;
		$("simulated").textContent = `The back-end ${simulators.join(", ")} is the built-in simulator: its answers are deterministic text made of the prompt’s words, from no model. Configure a back-end for real ones.`;
	}
	addEventListener("hashchange", go);
	document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && go());
	ready();
	go();
}

start();
