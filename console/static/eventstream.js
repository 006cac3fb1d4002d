// AWS's event stream: frames of headers and a payload, each with two CRC-32.
//
//	total length (4) · headers' length (4) · CRC of these 8 (4) · headers · payload · CRC of all before (4)
//
// Decoder takes bytes as they come and gives whole frames; events reads the body of
// a reply and gives what the frames say.

const table = new Uint32Array(256).map((_, n) => {
	for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
	return n;
});

// crc32 is the checksum of ISO-HDLC, which zip and Ethernet use.
export function crc32(bytes) {
	let crc = 0xffffffff;
	for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff];
	return (crc ^ 0xffffffff) >>> 0;
}

const prelude = 12;
const least = 16; // an empty frame
const most = 16 << 20; // AWS's own bound, which no text comes near

export class Decoder {
	#rest = new Uint8Array(0);

	// push takes bytes and returns the frames that are whole now. It throws where the
	// bytes are no frame, after which nothing can be found any more.
	push(bytes) {
		const all = new Uint8Array(this.#rest.length + bytes.length);
		all.set(this.#rest);
		all.set(bytes, this.#rest.length);
		const frames = [];
		let at = 0;
		while (all.length - at >= prelude) {
			const length = lengthOf(all.subarray(at));
			if (all.length - at < length) break;
			frames.push(frame(all.subarray(at, at + length)));
			at += length;
		}
		this.#rest = all.subarray(at);
		return frames;
	}

	// end throws where the stream ended within a frame.
	end() {
		if (this.#rest.length > 0) throw new Error(`The stream ended within a frame, ${this.#rest.length} bytes into it.`);
	}
}

const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

// lengthOf reads a prelude, and trusts it only if its checksum is right.
function lengthOf(bytes) {
	const v = view(bytes);
	if (crc32(bytes.subarray(0, 8)) !== v.getUint32(8)) throw new Error("A frame of the stream has a wrong checksum over its lengths.");
	const [total, headers] = [v.getUint32(0), v.getUint32(4)];
	if (total < least || total > most || headers > total - least) throw new Error(`A frame of the stream has impossible lengths: ${total} and ${headers} bytes.`);
	return total;
}

function frame(bytes) {
	const v = view(bytes);
	const end = bytes.length - 4;
	if (crc32(bytes.subarray(0, end)) !== v.getUint32(end)) throw new Error("A frame of the stream has a wrong checksum.");
	const payload = prelude + v.getUint32(4);
	return { headers: headers(bytes.subarray(prelude, payload)), payload: bytes.slice(payload, end) };
}

const sizes = { 0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16 }; // of the types that have one
const bytesType = 6;
const textType = 7;

// headers reads the headers of a frame. Values that are no text are passed over:
// none of Bedrock's is.
function headers(bytes) {
	const v = view(bytes);
	const found = {};
	const text = new TextDecoder();
	let at = 0;
	try {
		while (at < bytes.length) {
			const name = text.decode(bytes.subarray(at + 1, at + 1 + v.getUint8(at)));
			at += 1 + v.getUint8(at);
			const type = v.getUint8(at++);
			let size = sizes[type];
			if (type === bytesType || type === textType) {
				size = v.getUint16(at);
				at += 2;
			}
			if (size === undefined || at + size > bytes.length) throw new RangeError();
			if (type === textType) found[name] = text.decode(bytes.subarray(at, at + size));
			at += size;
		}
	} catch {
		throw new Error("A frame of the stream has headers that cannot be read.");
	}
	return found;
}

// events gives the events of a reply's body as { type, value }, value being the
// JSON of the payload. One that ends the stream as an exception has error: true.
export async function* events(body) {
	const decoder = new Decoder();
	const reader = body.getReader();
	try {
		for (;;) {
			const { done, value } = await reader.read();
			if (done) break;
			for (const one of decoder.push(value)) yield event(one);
		}
		decoder.end();
	} finally {
		reader.cancel().catch(() => {}); // it may be over, or aborted
	}
}

function event({ headers, payload }) {
	const text = new TextDecoder().decode(payload);
	switch (headers[":message-type"]) {
		case "event":
			return { type: headers[":event-type"], value: JSON.parse(text || "{}"), error: false };
		case "exception":
			return { type: headers[":exception-type"], value: JSON.parse(text || "{}"), error: true };
	}
	return { type: headers[":error-code"] ?? "error", value: { message: headers[":error-message"] ?? "The stream broke off." }, error: true };
}
