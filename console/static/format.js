// How figures are written, everywhere alike.

const grouped = new Intl.NumberFormat("en-US");

// count is a whole number: 12,345.
export const count = (n) => (n == null ? "–" : grouped.format(n));

// short is a number in little room: 950, 12.3k, 2M.
export function short(n) {
	if (n == null) return "–";
	for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
		if (n >= size) return `${Number((n / size).toFixed(n >= 100 * size ? 0 : 1))}${letter}`;
	}
	return String(n);
}

// usd is an amount of money: cents, and three digits of what is less than a dollar.
export function usd(n) {
	if (n == null) return "–";
	if (n === 0) return "$0";
	if (n < 0.000001) return "< $0.000001";
	const digits = n < 1 ? Math.max(2, 2 - Math.floor(Math.log10(n))) : 2;
	return "$" + new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: digits }).format(n);
}

// duration is a time in milliseconds: 850 ms, 1.25 s, 3 min 20 s, 2 h 5 min.
export function duration(ms) {
	if (ms == null) return "–";
	if (ms < 1000) return `${Math.round(ms)} ms`;
	if (ms < 59995) return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
	const s = Math.round(ms / 1000);
	if (s < 3600) return `${Math.floor(s / 60)} min${s % 60 ? ` ${s % 60} s` : ""}`;
	const min = Math.round(s / 60);
	return `${Math.floor(min / 60)} h${min % 60 ? ` ${min % 60} min` : ""}`;
}

// percent is a share of a whole: 42 %.
export function percent(part, whole) {
	if (!(whole > 0)) return "–";
	const p = (100 * part) / whole;
	if (p > 0 && p < 1) return "< 1 %";
	return `${p < 100 ? Math.floor(p) : Math.round(p)} %`; // 100 % is said of the whole only
}

// plural is a number with its noun: 1 turn, 2 turns.
export const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

// when is a moment in the reader's own time; of today the time alone.
export function when(text, now = new Date()) {
	const t = new Date(text);
	if (!text || Number.isNaN(t.getTime()) || t.getUTCFullYear() < 2000) return "–";
	const two = (n) => String(n).padStart(2, "0");
	const time = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
	const day = (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
	return day(t) === day(now) ? time : `${day(t)} ${time}`;
}

// pretty is a value as indented JSON.
export const pretty = (value) => JSON.stringify(value, null, 2);
