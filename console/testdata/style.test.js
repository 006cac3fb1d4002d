// The colours of both schemes, held to WCAG 2.2 AA.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const css = readFileSync(new URL("../static/style.css", import.meta.url), "utf8");

const colours = (block) => Object.fromEntries([...block.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]));

function luminance(hex) {
	const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
	const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
	return (light + 0.05) / (dark + 0.05);
}

const [light, dark] = [...css.matchAll(/:root \{[^}]*\}/g)].map(([block]) => colours(block));

for (const [name, scheme] of Object.entries({ light, dark })) {
	test(`contrast, ${name}`, () => {
		assert.ok(scheme.text && scheme.ground, "the scheme has colours");
		const texts = [["text", ["ground", "panel", "sunk", "bad-ground"]], ["faint", ["ground", "panel", "sunk", "bad-ground"]], ["accent", ["ground", "panel", "sunk"]], ["bad", ["bad-ground", "ground", "panel"]], ["notice", ["notice-ground"]], ["on-accent", ["accent"]]];
		for (const [text, grounds] of texts) for (const ground of grounds) {
			const c = contrast(scheme[text], scheme[ground]);
			assert.ok(c >= 4.5, `${text} on ${ground}: ${c.toFixed(2)}`);
		}
		for (const ground of ["ground", "panel"]) {
			const c = contrast(scheme.control, scheme[ground]);
			assert.ok(c >= 3, `control on ${ground}: ${c.toFixed(2)}`);
		}
	});
}
