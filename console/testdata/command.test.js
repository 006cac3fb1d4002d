import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";

import { commands, python, shell } from "../static/command.js";
import { nativeBody } from "../static/native.js";

const nasty = `it's "quoted" $HOME \`id\` \\ end\nand a second line, €`;

test("sh gives back what was quoted", () => {
	for (const text of ["plain", "", "two words", nasty, "-x", "~", "a;b", "*"]) {
		assert.equal(execFileSync("sh", ["-c", `printf %s ${shell(text)}`], { encoding: "utf8" }), text);
	}
	assert.equal(shell("amazon.nova-lite-v1:0"), "amazon.nova-lite-v1:0", "what needs no quotes has none");
});

test("values of Python", () => {
	assert.equal(python({ a: [1, true, false, null], b: nasty }), `{\n    "a": [1, True, False, None],\n    "b": ${JSON.stringify(nasty)},\n}`);
	assert.equal(python({}), "{}");
	assert.equal(python([]), "[]");
});

const converse = { messages: [{ role: "user", content: [{ text: nasty }] }], inferenceConfig: { maxTokens: 5 }, requestMetadata: { "outcrop:conversation": "trip" } };
const make = (more) => commands({ method: "converse", model: "us.some/model:0", body: converse, server: "http://127.0.0.1:8777", keys: false, ...more });

// arguments of a line, as the program would get them.
const args = (line) => execFileSync("sh", ["-c", `${line.replace(/^(aws|curl)/, "printf '%s\\0'")}`], { encoding: "utf8" }).split("\0").slice(0, -1);

test("the line for the AWS CLI", () => {
	assert.deepEqual(args(make().aws), [
		"bedrock-runtime", "converse", "--endpoint-url", "http://127.0.0.1:8777", "--model-id", "us.some/model:0",
		"--messages", JSON.stringify(converse.messages), "--inference-config", '{"maxTokens":5}', "--request-metadata", '{"outcrop:conversation":"trip"}',
	]);
});

test("the line for curl", () => {
	assert.deepEqual(args(make().curl), ["http://127.0.0.1:8777/model/us.some%2Fmodel%3A0/converse", "-H", "Content-Type: application/json", "-d", JSON.stringify(converse)]);
	assert.match(make({ keys: true }).curl, /-H "Authorization: Bearer \$AWS_BEARER_TOKEN_BEDROCK"/);
});

test("a body that stands in the AWS CLI's input is the body", () => {
	const body = '{\n  "prompt": "it\'s $HOME"\n}\nBODY\nrest';
	const { aws } = make({ method: "invoke", body });
	const sh = aws.replace(/^aws/, "aws() { cat; }; aws");
	assert.equal(execFileSync("sh", ["-c", sh], { encoding: "utf8" }), body + "\n");
	assert.match(aws, /invoke-model/);
});

test("the program for boto3", () => {
	assert.match(make().boto3, /converse_stream\(\n {4}modelId="us\.some\/model:0",\n {4}messages=\[/);
	assert.match(make({ method: "construct", body: { prompt: "x", schema: { type: "object" } } }).boto3, /client\.construct\([^]*print\(reply\["output"\]\)/);
	assert.match(make({ method: "invoke", body: '{\n"a": 1\n}' }).boto3, /body="""\{\n"a": 1\n\}"""/);
	assert.match(make({ method: "invoke", body: '{\n"a": "\\n"\n}' }).boto3, /body="\{\\n/, "escapes are escaped");
});

test("a body in the model's own format", () => {
	assert.equal(nativeBody("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "x").anthropic_version, "bedrock-2023-05-31");
	assert.equal(nativeBody("arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-text-express-v1", "x").textGenerationConfig.maxTokenCount, 500);
	assert.deepEqual(nativeBody("my-own-model", "x").messages, [{ role: "user", content: "x" }]);
});
