// The S3 client of the AWS SDK for JavaScript v3, and the Bedrock client that
// runs jobs on what it stored.
import { createHash } from "node:crypto";
import { Readable } from "node:stream";

import * as control from "@aws-sdk/client-bedrock";
import * as s3 from "@aws-sdk/client-s3";

import { run, setEnv } from "./loop.mjs";

let client, bedrock;

const meta = (out) => ({ status: out.$metadata.httpStatusCode, requestId: out.$metadata.requestId, attempts: out.$metadata.attempts });
const final = new Set(["Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired"]);
const bytes = (size) => Buffer.alloc(size, Buffer.from(Array.from({ length: 251 }, (_, i) => (i * 7) % 251)));

const cases = {
	async configure({ env }) {
		setEnv(env);
		client?.destroy();
		client = new s3.S3Client({ forcePathStyle: process.env.CLIENT_HOST_STYLE !== "1" });
		bedrock?.destroy();
		bedrock = new control.BedrockClient({});
		return {};
	},

	async makeBucket({ bucket }) {
		await client.send(new s3.CreateBucketCommand({ Bucket: bucket }));
		return { ids: (await client.send(new s3.ListBucketsCommand({}))).Buckets.map((b) => b.Name) };
	},

	async putObject({ bucket, key, text, ...more }) {
		return meta(await client.send(new s3.PutObjectCommand({ Bucket: bucket, Key: key, Body: text, ...more })));
	},

	// A stream cannot be hashed beforehand: it goes in chunks, with a trailer.
	async putStream({ bucket, key, text }) {
		const Body = Readable.from([Buffer.from(text)]);
		return meta(await client.send(new s3.PutObjectCommand({ Bucket: bucket, Key: key, Body, ContentLength: Buffer.byteLength(text) })));
	},

	async getObject({ bucket, key, ...more }) {
		const out = await client.send(new s3.GetObjectCommand({ Bucket: bucket, Key: key, ...more }));
		const text = await out.Body.transformToString();
		return { ...meta(out), text, contentType: out.ContentType, metadata: out.Metadata, etag: out.ETag };
	},

	async listObjects({ bucket, ...more }) {
		const found = { ids: [], prefixes: [], pages: 0 };
		for await (const page of s3.paginateListObjectsV2({ client, pageSize: 2 }, { Bucket: bucket, ...more })) {
			found.pages++;
			found.ids.push(...(page.Contents ?? []).map((o) => o.Key));
			found.prefixes.push(...(page.CommonPrefixes ?? []).map((p) => p.Prefix));
		}
		return found;
	},

	async uploadParts({ bucket, key, size }) {
		const data = bytes(size);
		const where = { Bucket: bucket, Key: key };
		const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ ...where, ChecksumAlgorithm: "CRC32" }));
		const step = 5 << 20;
		const send = async (i) => {
			const PartNumber = i + 1;
			const out = await client.send(new s3.UploadPartCommand({ ...where, UploadId, PartNumber, Body: data.subarray(i * step, (i + 1) * step), ChecksumAlgorithm: "CRC32" }));
			return { PartNumber, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32 };
		};
		const Parts = await Promise.all(Array.from({ length: Math.ceil(size / step) }, (_, i) => send(i)));
		await client.send(new s3.CompleteMultipartUploadCommand({ ...where, UploadId, MultipartUpload: { Parts } }));
		const out = await client.send(new s3.GetObjectCommand(where));
		const back = await out.Body.transformToByteArray();
		const hash = (b) => createHash("sha256").update(b).digest("hex");
		return { same: hash(back) === hash(data), size: back.length, etag: out.ETag };
	},

	async copyObject({ bucket, key, source }) {
		const out = await client.send(new s3.CopyObjectCommand({ Bucket: bucket, Key: key, CopySource: `${bucket}/${encodeURIComponent(source)}` }));
		return { ...meta(out), etag: out.CopyObjectResult.ETag };
	},

	async removeAll({ bucket }) {
		let removed = 0;
		for await (const page of s3.paginateListObjectsV2({ client }, { Bucket: bucket })) {
			const Objects = (page.Contents ?? []).map((o) => ({ Key: o.Key }));
			const out = await client.send(new s3.DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
			removed += out.Deleted.length;
		}
		await client.send(new s3.DeleteBucketCommand({ Bucket: bucket }));
		return { removed };
	},

	async createJob({ name, modelId, input, output }) {
		const out = await bedrock.send(
			new control.CreateModelInvocationJobCommand({
				jobName: name,
				modelId,
				roleArn: "arn:aws:iam::123456789012:role/batch",
				inputDataConfig: { s3InputDataConfig: { s3Uri: input } },
				outputDataConfig: { s3OutputDataConfig: { s3Uri: output } },
			}),
		);
		return { ...meta(out), jobArn: out.jobArn };
	},

	async waitJob({ job }) {
		for (;;) {
			const out = await bedrock.send(new control.GetModelInvocationJobCommand({ jobIdentifier: job }));
			if (final.has(out.status)) return { ...out, $metadata: undefined };
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
	},
};

await run(cases, (error) => ({
	exception: error instanceof s3.S3ServiceException,
	status: error.$metadata?.httpStatusCode,
	requestId: error.$metadata?.requestId,
	attempts: error.$metadata?.attempts,
}));
