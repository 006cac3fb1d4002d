// The loop that every client program here runs: one line of JSON in, the name
// of a case with what it needs, one line of JSON out, what the client made of
// the server's reply or the error that it raised.
import { createInterface } from "node:readline";

export async function run(cases, describe) {
	for await (const line of createInterface({ input: process.stdin })) {
		const { case: name, ...params } = JSON.parse(line);
		let answer;
		try {
			if (!cases[name]) throw new Error(`no case ${name}`);
			answer = { result: await cases[name](params) };
		} catch (error) {
			answer = { error: { class: error.constructor.name, name: error.name, message: error.message, ...describe?.(error) } };
		}
		process.stdout.write(JSON.stringify(answer) + "\n");
	}
}

// setEnv changes the environment; an empty value unsets a variable.
export function setEnv(env) {
	for (const [name, value] of Object.entries(env)) {
		if (value === "") delete process.env[name];
		else process.env[name] = value;
	}
}

// Every client is given the same words, body and tool.
export const weatherTool = {
	name: "get_weather",
	description: "Tells the current weather in a city",
	schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
