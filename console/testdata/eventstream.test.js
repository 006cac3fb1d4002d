// Run by TestScripts, with the frames that package eventstream wrote for it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { crc32, Decoder, events } from "../static/eventstream.js";

const bytes = (text) => new TextEncoder().encode(text);
const stream = readFileSync(process.env.CONSOLE_STREAM); // of package eventstream

test("the checksum is that of zip", () => {
	assert.equal(crc32(bytes("123456789")), 0xcbf43926);
	assert.equal(crc32(bytes("")), 0);
});

const collect = async (...parts) => {
	const list = [];
	for await (const e of events(new ReadableStream({ start: (c) => (parts.forEach((p) => c.enqueue(new Uint8Array(p))), c.close()) }))) list.push(e);
	return list;
};

const want = [
	{ type: "messageStart", value: { role: "assistant" }, error: false },
	{ type: "contentBlockDelta", value: { delta: { text: "Grüße, 世界 🌍" }, contentBlockIndex: 0 }, error: false },
	{ type: "messageStop", value: { stopReason: "end_turn" }, error: false },
	{ type: "throttlingException", value: { message: "slow down" }, error: true },
];

test("what Go wrote is read, however it is cut", async () => {
	assert.deepEqual(await collect(stream), want);
	for (let cut = 0; cut <= stream.length; cut++) assert.deepEqual(await collect(stream.subarray(0, cut), stream.subarray(cut)), want, `cut at ${cut}`);
	assert.deepEqual(await collect(...[...stream].map((b) => [b])), want, "byte by byte");
});

test("no changed byte goes unnoticed", () => {
	for (let at = 0; at < stream.length; at++) {
		const bad = new Uint8Array(stream);
		bad[at] ^= 0x10;
		assert.throws(() => {
			const d = new Decoder();
			d.push(bad);
			d.end();
		}, /checksum|lengths/, `byte ${at}`);
	}
});

test("a stream that ends within a frame is no whole one", async () => {
	await assert.rejects(collect(stream.subarray(0, stream.length - 1)), /within a frame/);
});

// frame makes a frame of headers and a payload, for what Go would not write.
function frame(headers, payload) {
	const all = new Uint8Array(16 + headers.length + payload.length);
	const v = new DataView(all.buffer);
	v.setUint32(0, all.length);
	v.setUint32(4, headers.length);
	v.setUint32(8, crc32(all.subarray(0, 8)));
	all.set(headers, 12);
	all.set(payload, 12 + headers.length);
	v.setUint32(all.length - 4, crc32(all.subarray(0, all.length - 4)));
	return all;
}

const text = (name, value) => [name.length, ...bytes(name), 7, 0, value.length, ...bytes(value)];

test("headers of every type are passed over, and those that cannot be read are said", () => {
	const others = [1, 97, 0, 1, 98, 1, 1, 99, 2, 9, 1, 100, 3, 0, 9, 1, 101, 4, 0, 0, 0, 9, 1, 102, 5, 0, 0, 0, 0, 0, 0, 0, 9, 1, 103, 6, 0, 2, 1, 2, 1, 104, 8, 0, 0, 0, 0, 0, 0, 0, 9, 1, 105, 9, ...Array(16).fill(9)];
	const [one] = new Decoder().push(frame([...others, ...text(":event-type", "x")], []));
	assert.deepEqual(one.headers, { ":event-type": "x" });
	for (const bad of [[1, 97, 10], [1, 97], [9, 97], [1, 97, 7, 0, 9, 1], [1, 97, 5, 0]]) {
		assert.throws(() => new Decoder().push(frame(bad, [])), /headers that cannot be read/, String(bad));
	}
});

test("an error without a type of its own is an error too", async () => {
	const sent = frame([...text(":message-type", "error"), ...text(":error-code", "Broken"), ...text(":error-message", "why")], []);
	assert.deepEqual(await collect(sent), [{ type: "Broken", value: { message: "why" }, error: true }]);
});

test("lengths that cannot be are refused before they are waited for", () => {
	for (const [total, headers] of [[15, 0], [0xffffffff, 0], [20, 5]]) {
		const prelude = new Uint8Array(12);
		const v = new DataView(prelude.buffer);
		v.setUint32(0, total);
		v.setUint32(4, headers);
		v.setUint32(8, crc32(prelude.subarray(0, 8)));
		assert.throws(() => new Decoder().push(prelude), /impossible lengths/, `${total} ${headers}`);
	}
});
