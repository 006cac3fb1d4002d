// A call as lines to copy, for a terminal and for Python. The key is never in
// them: they take it from the environment.

// shell quotes a text for sh, where it has to be.
export function shell(text) {
	return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

// python writes a JSON value as Python does.
export function python(value, indent = "") {
	if (value === null || value === undefined) return "None";
	if (value === true) return "True";
	if (value === false) return "False";
	if (typeof value !== "object") return JSON.stringify(value);
	const inner = indent + "    ";
	const parts = Array.isArray(value)
		? value.map((v) => python(v, inner))
		: Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${python(v, inner)}`);
	const [open, close] = Array.isArray(value) ? "[]" : "{}";
	const line = open + parts.join(", ") + close;
	if (line.length <= 60 && !line.includes("\n")) return line;
	return `${open}\n${parts.map((p) => `${inner}${p},\n`).join("")}${indent}${close}`;
}

// What differs from method to method. A body is what is sent, model aside.
const methods = {
	converse: {
		path: "converse",
		aws: "converse",
		note: "The AWS CLI and curl cannot show a stream: theirs is Converse, the same reply in one piece.",
	},
	construct: {
		path: "construct",
		aws: "construct",
		note: "AWS has no Construct: its CLI and boto3 know it after outcrop python-overlay.",
	},
	invoke: { path: "invoke", aws: "invoke-model", note: "" },
};

// commands are the lines for one call: { aws, curl, boto3, note }. server is the
// address, keys whether it asks for one.
export function commands({ method, model, body, server, keys }) {
	const { note } = methods[method];
	return {
		aws: aws(method, model, body, server),
		curl: curl(method, model, body, server, keys),
		boto3: boto3(method, model, body, server),
		note,
	};
}

// kebab is the AWS CLI's name of a member: inferenceConfig → inference-config.
const kebab = (name) => name.replace(/[A-Z]/g, (c) => "-" + c.toLowerCase());

function aws(method, model, body, server) {
	const lines = [`aws bedrock-runtime ${methods[method].aws}`, `--endpoint-url ${shell(server)}`, `--model-id ${shell(model)}`];
	if (method === "invoke") {
		lines.push("--content-type application/json", "--body fileb:///dev/stdin /dev/stdout");
		return join(lines) + heredoc(body);
	}
	for (const [name, value] of Object.entries(body)) {
		lines.push(`--${kebab(name)} ${shell(typeof value === "string" ? value : JSON.stringify(value))}`);
	}
	return join(lines);
}

function curl(method, model, body, server, keys) {
	const lines = [`curl ${shell(`${server}/model/${encodeURIComponent(model)}/${methods[method].path}`)}`, "-H 'Content-Type: application/json'"];
	if (keys) lines.push('-H "Authorization: Bearer $AWS_BEARER_TOKEN_BEDROCK"');
	lines.push(`-d ${shell(typeof body === "string" ? body : JSON.stringify(body))}`);
	return join(lines);
}

const join = (lines) => lines.join(" \\\n  ");

// heredoc is a body on a command's standard input. Its end is a line that the body
// does not have.
function heredoc(body) {
	let end = "BODY";
	while (body.split("\n").includes(end)) end += "_";
	return ` <<'${end}'\n${body}\n${end}`;
}

function boto3(method, model, body, server) {
	const client = `import boto3\n\nclient = boto3.client("bedrock-runtime", endpoint_url=${JSON.stringify(server)}, region_name="us-east-1")\n`;
	if (method === "invoke") {
		return `${client}reply = client.invoke_model(\n    modelId=${JSON.stringify(model)},\n    contentType="application/json",\n    body=${text(body)},\n)\nprint(reply["body"].read().decode())`;
	}
	const list = Object.entries(body).map(([name, value]) => `    ${name}=${python(value, "    ")},\n`).join("");
	const args = `(\n    modelId=${JSON.stringify(model)},\n${list})`;
	if (method === "construct") return `${client}reply = client.construct${args}\nprint(reply["output"])`;
	return `${client}reply = client.converse_stream${args}\nfor event in reply["stream"]:\n    if "contentBlockDelta" in event:\n        print(event["contentBlockDelta"]["delta"].get("text", ""), end="", flush=True)`;
}

// text is a body as a Python string of several lines, where that is readable.
function text(body) {
	return body.includes("\n") && !/\\|"""|"$/.test(body) ? `"""${body}"""` : JSON.stringify(body);
}
