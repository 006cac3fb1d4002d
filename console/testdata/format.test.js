import assert from "node:assert/strict";
import test from "node:test";

import { count, duration, percent, plural, short, usd, when } from "../static/format.js";

const all = (f, pairs) => pairs.forEach(([value, want]) => assert.equal(f(...[value].flat()), want, `${f.name} of ${value}`));

test("numbers", () => {
	all(count, [[0, "0"], [1234567, "1,234,567"], [undefined, "–"], [null, "–"]]);
	all(short, [[0, "0"], [999, "999"], [1000, "1k"], [12345, "12.3k"], [123456, "123k"], [2000000, "2M"], [1234567, "1.2M"], [3e9, "3G"], [undefined, "–"]]);
	all(plural, [[[0, "turn"], "0 turns"], [[1, "turn"], "1 turn"], [[1200, "turn"], "1,200 turns"]]);
	all(percent, [[[0, 10], "0 %"], [[1, 1000], "< 1 %"], [[999, 1000], "99 %"], [[1000, 1000], "100 %"], [[1500, 1000], "150 %"], [[1, 0], "–"], [[1, undefined], "–"]]);
});

test("money", () => {
	all(usd, [[0, "$0"], [0.00001206, "$0.0000121"], [0.0000001, "< $0.000001"], [0.0018823800000000003, "$0.00188"], [0.5, "$0.50"], [0.01523, "$0.0152"], [0.999, "$0.999"], [1, "$1.00"], [1234.567, "$1,234.57"], [undefined, "–"], [0.000001, "$0.000001"]]);
});

test("times", () => {
	all(duration, [[0, "0 ms"], [999, "999 ms"], [1250, "1.25 s"], [12345, "12.3 s"], [59994, "60.0 s"], [60000, "1 min"], [200000, "3 min 20 s"], [3600000, "1 h"], [7500000, "2 h 5 min"], [undefined, "–"]]);
	const now = new Date(2026, 10, 28, 16, 0, 0);
	all(when, [[[new Date(2026, 10, 28, 9, 5, 7).toISOString(), now], "09:05:07"], [[new Date(2026, 0, 2, 9, 5, 7).toISOString(), now], "2026-01-02 09:05:07"], [["0001-01-01T00:00:00Z", now], "–"], [["", now], "–"], [["no time", now], "–"]]);
});
