// Jobs: what runs, how far it is, and where its answers lie.

import { $, bar, draw, el, empty, facts, lines, problem, show, table } from "./dom.js";
import { ask, Failure, json, server } from "./api.js";
import { shell } from "./command.js";
import { count, duration, percent, plural, when } from "./format.js";

export const every = 2000;

const shown = 50;
const over = ["Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired"];

const idOf = (job) => job.jobArn.split("/").pop();
const path = (id) => `/model-invocation-job/${encodeURIComponent(id)}`;

// outputOf is where a job's answers lie, inputOf what its records came from. A job
// may have its one record in itself, and then says where to put the answer in
// outputDataConfig itself.
const outputOf = ({ outputDataConfig: to, ...job }) => `${(to.s3OutputDataConfig ?? to).s3Uri.replace(/\/?$/, "/")}${idOf(job)}/`;
const inputOf = ({ inputDataConfig: from }) => (from.s3InputDataConfig ? el("code", {}, from.s3InputDataConfig.s3Uri) : "the request that made it");

// open asks for all jobs, or for the one that is named.
export async function open(id) {
	$("jobs-new").hidden = id !== "";
	const data = id ? await json("GET", path(id)).catch(gone) : await json("GET", `/model-invocation-jobs?sortBy=CreationTime&sortOrder=Descending&maxResults=${shown}`);
	return () => draw($("jobs-list"), data, id ? one : list);
}

// gone takes away what is shown of another job, beside the error.
function gone(e) {
	if (e.status === 404) e.shows = () => draw($("jobs-list"), null, () => el("a", { href: "#/jobs" }, "All jobs"));
	throw e;
}

function list({ invocationJobSummaries: jobs, nextToken }) {
	if (jobs.length === 0) return empty("There are no jobs.", "Start one below, or with ", el("code", {}, "outcrop batch"), " and ", el("code", {}, "aws bedrock create-model-invocation-job"), ".");
	return [
		table("Jobs, the newest first", [
			{ name: "Job", of: (j) => el("a", { href: `#/jobs/${encodeURIComponent(idOf(j))}`, "data-key": `job ${idOf(j)}` }, j.jobName) },
			{ name: "Model", of: (j) => j.modelId },
			{ name: "State", brief: true, of: (j) => j.status },
			{ name: "Records", of: progress },
			{ name: "Submitted", brief: true, of: (j) => when(j.submitTime) },
			{ name: "Answers", of: (j) => el("code", {}, outputOf(j)) },
			{ name: "", of: stopper },
		], jobs),
		nextToken && el("p", { class: "faint" }, `The newest ${count(shown)} are shown; outcrop batch list has all.`),
	];
}

function progress(job) {
	const { totalRecordCount: all, processedRecordCount: done = 0, errorRecordCount: failed } = job;
	if (!all) return over.includes(job.status) ? "–" : "being counted";
	const words = `${count(done)} of ${count(all)}${failed ? `, ${plural(failed, "error")}` : ""}`;
	return el("div", {}, words, !over.includes(job.status) && bar(done, all, `${percent(done, all)} of ${job.jobName}`));
}

// stopper is the button that stops a job, where there is something to stop.
function stopper(job) {
	if (over.includes(job.status) || job.status === "Stopping") return "";
	return el("button", { type: "button", class: "small", "data-key": `stop ${idOf(job)}`, click: (e) => stop(job, e.target) }, "Stop", el("span", { class: "hidden" }, ` ${job.jobName}`));
}

async function stop(job, button) {
	button.disabled = true;
	try {
		await ask("POST", `${path(job.jobArn)}/stop`);
		button.textContent = "Stopping";
	} catch (e) {
		button.disabled = false;
		button.after(problem(e));
	}
}

function one(job) {
	const fetched = `aws s3 cp --recursive --endpoint-url ${shell(server.address)} ${shell(outputOf(job))} .`;
	return [
		el("p", {}, el("a", { href: "#/jobs" }, "All jobs")),
		el("h3", {}, job.jobName),
		job.message && el("p", { class: "words" }, job.message),
		progress(job),
		el("p", {}, stopper(job)),
		facts([
			["State", job.status],
			["Model", job.modelId],
			["Records", job.totalRecordCount != null && `${count(job.successRecordCount)} answered, ${plural(job.errorRecordCount ?? 0, "error")}, of ${count(job.totalRecordCount)}`],
			["Tokens", job.inputTokenCount != null && `${count(job.inputTokenCount)} in, ${count(job.outputTokenCount)} out`],
			["Submitted", when(job.submitTime)],
			["Took", job.startTime && job.endTime && duration(new Date(job.endTime) - new Date(job.startTime))],
			["Expires", !over.includes(job.status) && when(job.jobExpirationTime)],
			["Records from", inputOf(job)],
			["ARN", el("code", {}, job.jobArn)],
		]),
		el("h4", {}, "Where the answers lie"),
		el("p", {}, el("code", {}, outputOf(job)), ", with a ", el("code", {}, "manifest.json.out"), " that sums them up. To have them here:"),
		lines(fetched, "The line that copies the answers"),
	];
}

$("jobs-how").textContent = "Put them there first:";
show($("jobs-put"), lines(`aws s3 mb --endpoint-url ${server.address} s3://my-bucket\naws s3 cp --endpoint-url ${server.address} records.jsonl s3://my-bucket/`, "Lines that store records"));

$("jobs-form").addEventListener("submit", async (e) => {
	e.preventDefault();
	const [name, model, input, output, role] = ["name", "model", "input", "output", "role"].map((field) => $(`jobs-${field}`).value.trim());
	show($("jobs-form-problem"));
	try {
		const { jobArn } = await json("POST", "/model-invocation-job", {
			body: { jobName: name, modelId: model, roleArn: role, clientRequestToken: token(), inputDataConfig: { s3InputDataConfig: { s3Uri: input } }, outputDataConfig: { s3OutputDataConfig: { s3Uri: output } } },
		});
		location.hash = `#/jobs/${encodeURIComponent(idOf({ jobArn }))}`;
	} catch (failure) {
		if (!(failure instanceof Failure)) throw failure;
		show($("jobs-form-problem"), problem(failure));
	}
});

// token tells this job from any other, so that a request sent twice makes one.
const token = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
