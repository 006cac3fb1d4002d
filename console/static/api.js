// The server's API, asked as any client does.

const tokenKey = "outcrop-token"; // in sessionStorage: of this tab, until it is closed

export const token = {
	get: () => sessionStorage.getItem(tokenKey) ?? "",
	set: (value) => (value ? sessionStorage.setItem(tokenKey, value) : sessionStorage.removeItem(tokenKey)),
};

const told = (name) => document.querySelector(`meta[name="outcrop-${name}"]`).content;

// server is where this page came from; guarded is whether it asks for keys.
export const server = { address: location.origin, guarded: told("keys") === "true" };

// simulators are the names of the back-ends that are simulators.
export const simulators = JSON.parse(told("simulators"));

// Failure is an error of the API, or the lack of a server.
export class Failure extends Error {
	constructor(message, rest = {}) {
		super(message);
		Object.assign(this, rest);
	}
}

// locked tells whether an error asks for a key, or for another one.
const locked = (e) => e.code === "MissingAuthenticationTokenException" || (e.code === "AccessDeniedException" && e.message.startsWith("Authentication failed"));

// onLocked is called when a request was refused for want of a key.
let onLocked = () => {};
export const whenLocked = (f) => (onLocked = f);

// ask sends a request and returns the reply, or throws a Failure.
export async function ask(method, path, { body, signal, headers = {} } = {}) {
	const key = token.get();
	if (key) headers = { ...headers, Authorization: `Bearer ${key}` };
	if (body !== undefined) headers = { "Content-Type": "application/json", ...headers };
	let reply;
	try {
		reply = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body), cache: "no-store", credentials: "omit" });
	} catch (e) {
		if (signal?.aborted) throw e;
		throw new Failure("The server did not answer.", { code: "No connection", hint: "Look whether outcrop serve is still running at this address; this page goes on by itself when it is." });
	}
	if (reply.ok) return reply;
	throw await failure(reply);
}

async function failure(reply) {
	const text = await reply.text().catch(() => "");
	let body = {};
	try {
		body = JSON.parse(text);
	} catch {
		// a proxy's page, say: its status has to do
	}
	const e = new Failure(body.message ?? (text.slice(0, 300) || reply.statusText), {
		status: reply.status,
		code: reply.headers.get("X-Amzn-Errortype") ?? `HTTP ${reply.status}`,
		requestId: reply.headers.get("X-Amzn-Requestid"),
		body,
	});
	e.hint = hint(e, reply.headers.get("Retry-After"));
	if (locked(e)) {
		onLocked(e);
	}
	return e;
}

// hint says what to do where the message does not.
function hint({ code, status }, after) {
	if (after) return `Try again in ${after === "1" ? "a second" : `${after} seconds`}.`;
	if (status === 429) return "Try again in a moment.";
	if (code === "ModelNotReadyException" || status === 503) return "Try again in a moment; the server's log says more.";
	if (status >= 500) return "The server's log has a line with this request id.";
	return "";
}

// again has the page ask for what the open section shows.
export const again = () => dispatchEvent(new Event("hashchange"));

// json asks and reads the reply.
export const json = async (method, path, options) => (await ask(method, path, options)).json();
