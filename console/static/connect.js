// Connect: the lines that point a client here.

import { $, draw, el, lines } from "./dom.js";
import { server } from "./api.js";

export function open() {
	return () => draw($("connect-how"), server, how);
}

const sample = "amazon.nova-lite-v1:0";

function how({ address, guarded }) {
	const key = guarded ? "export AWS_BEARER_TOKEN_BEDROCK=…   # a bearer key of yours" : "export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any";
	const curlKey = guarded ? ` -H "Authorization: Bearer $AWS_BEARER_TOKEN_BEDROCK"` : "";
	return [
		el("p", {}, "AWS’s SDKs and CLI, and what is built on them, stay as they are; only their endpoint changes. They read it from the environment:"),
		lines(`export AWS_ENDPOINT_URL=${address}\nexport AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1\n${key}`, "Environment"),
		el("p", { class: "faint" }, guarded
			? "An access key (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) does as well, and S3 takes nothing else: outcrop keys create --tenant NAME --type sigv4."
			: "Any credentials will do here, but the SDKs want some."),
		el("h3", {}, "AWS CLI"),
		lines(`aws bedrock-runtime converse --model-id ${sample} \\\n  --messages '[{"role":"user","content":[{"text":"Hello"}]}]'`, "A line for the AWS CLI"),
		el("h3", {}, "boto3"),
		lines(`import boto3\n\nclient = boto3.client("bedrock-runtime")\nreply = client.converse(\n    modelId="${sample}",\n    messages=[{"role": "user", "content": [{"text": "Hello"}]}],\n)\nprint(reply["output"]["message"]["content"][0]["text"])`, "A program for boto3"),
		el("h3", {}, "JavaScript"),
		lines(`import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime";\n\nconst client = new BedrockRuntimeClient({});\nconst reply = await client.send(new ConverseCommand({\n  modelId: "${sample}",\n  messages: [{ role: "user", content: [{ text: "Hello" }] }],\n}));\nconsole.log(reply.output.message.content[0].text);`, "A program in JavaScript"),
		el("h3", {}, "curl"),
		lines(`curl ${address}/model/${sample}/converse${curlKey} \\\n  -H 'Content-Type: application/json' \\\n  -d '{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}'`, "A line for curl"),
		el("h3", {}, "Outcrop’s own command"),
		lines(`${guarded ? "export OUTCROP_TOKEN=…   # a bearer key of yours\n" : ""}outcrop converse --endpoint ${address} Hello`, "A line for outcrop"),
		el("h3", {}, "Files of batch jobs"),
		el("p", {}, "S3 is on the same address, unless the server keeps its objects on Amazon S3:"),
		lines(`aws s3 mb s3://my-bucket\naws s3 cp records.jsonl s3://my-bucket/`, "Lines for S3"),
	];
}
