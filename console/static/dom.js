// The little that pages are built with. Text reaches the page as text and never as
// markup, which the server's policy forbids besides.

// el makes an element: el("p", { class: "note" }, "text", child). A function is a
// listener; false, null and undefined leave an attribute or a child out.
export function el(name, attributes = {}, ...children) {
	const e = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (value === false || value == null) continue;
		if (typeof value === "function") e.addEventListener(key, value);
		else e.setAttribute(key, value === true ? "" : value);
	}
	e.append(...children.flat().filter((c) => c !== false && c != null));
	return e;
}

export const $ = (id) => document.getElementById(id);

// show replaces what is in an element. Whoever had the focus keeps it, if it names
// itself by data-key.
export function show(element, ...children) {
	const key = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
	element.replaceChildren(...children.flat().filter((c) => c !== false && c != null));
	if (key) [...element.querySelectorAll("[data-key]")].find((e) => e.dataset.key === key)?.focus({ preventScroll: true });
}

const drawn = new WeakMap();

// draw shows what build makes of data, unless it is there already: whoever reads it,
// or has selected some of it, is left alone.
export function draw(element, data, build) {
	const text = JSON.stringify(data);
	if (drawn.get(element) === text) return;
	drawn.set(element, text);
	show(element, build(data));
}

// table is a table that becomes a list of cards where there is no room for columns.
// Each column is { name, of(row), number, brief }: number stands to the right, and
// neither it nor what is brief is broken into lines.
export function table(caption, columns, rows) {
	return el(
		"table",
		{ role: "table" },
		el("caption", {}, caption),
		el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, columns.map((c) => el("th", { scope: "col", role: "columnheader", class: c.number && "number" }, c.name)))),
		el("tbody", { role: "rowgroup" }, rows.map((row) => el("tr", { role: "row" }, columns.map((c) => el("td", { role: "cell", "data-name": c.name, class: c.number ? "number" : c.brief && "brief" }, c.of(row) ?? "–"))))),
	);
}

// facts is a list of names and values; those without a value are left out. What is
// code, as ids are, gets a line of its own.
export function facts(pairs) {
	const present = pairs.filter(([, value]) => value != null && value !== "" && value !== false);
	return el("dl", { class: "facts" }, present.map(([name, value]) => el("div", { class: value.tagName === "CODE" && "line" }, el("dt", {}, name), el("dd", {}, value))));
}

// bar shows how much of a whole there is, for who sees it and who hears it.
export function bar(value, max, label) {
	return el("progress", { value: Math.min(value, max), max, "aria-label": label });
}

// problem is an error, with what to do about it.
export function problem(e) {
	return el(
		"div",
		{ class: "problem", role: "alert" },
		el("p", {}, el("strong", {}, e.code ?? "Error"), e.status ? ` (HTTP ${e.status})` : ""),
		el("p", { class: "words" }, e.message),
		e.hint && el("p", {}, e.hint),
		e.requestId && el("p", { class: "faint" }, "Request id ", el("code", {}, e.requestId)),
	);
}

// empty says that there is nothing yet, and what would change that.
export const empty = (title, ...what) => el("div", { class: "empty" }, el("p", {}, el("strong", {}, title)), el("p", {}, ...what));

// copier is a button that copies a text. Where a page may not (plain HTTP beyond
// this machine), it selects the text for the reader to copy.
export function copier(source) {
	const button = el("button", { type: "button", class: "small" }, "Copy");
	button.addEventListener("click", async () => {
		try {
			await navigator.clipboard.writeText(source.textContent);
			button.textContent = "Copied";
		} catch {
			getSelection().selectAllChildren(source);
			button.textContent = "Selected";
		}
		setTimeout(() => (button.textContent = "Copy"), 1500);
	});
	return button;
}

// lines is a block of text to copy.
export function lines(text, label) {
	const pre = el("pre", { tabindex: "0", "aria-label": label }, text);
	return el("div", { class: "lines" }, copier(pre), pre);
}
