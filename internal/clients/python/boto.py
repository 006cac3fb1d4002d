"""boto3. One line of JSON in, the name of a case with what it needs; one line
of JSON out, what the client made of the server's reply or its error."""

import hashlib
import io
import json
import os
import sys
import time
import urllib.request

import boto3
import botocore.config
import botocore.exceptions
import botocore.loaders
import botocore.session

runtime = bedrock = s3 = None
API_MODELS = botocore.loaders.create_loader()  # reads the API models once, not once for each session

WEATHER = {
    "toolSpec": {
        "name": "get_weather",
        "description": "Tells the current weather in a city",
        "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
    }
}
FINAL = {"Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired"}


def user(words):
    return {"role": "user", "content": [{"text": words}]}


def text(message):
    return "".join(block.get("text", "") for block in message["content"])


def meta(out):
    about = out["ResponseMetadata"]
    return {"status": about["HTTPStatusCode"], "requestId": about.get("RequestId"), "attempts": about["RetryAttempts"] + 1}


def configure(env):
    """Changes the environment and makes the clients anew."""
    global runtime, bedrock, s3
    for name, value in env.items():
        os.environ[name] = value
        if value == "":
            del os.environ[name]
    core = botocore.session.Session()
    if "AWS_DATA_PATH" not in env:  # which this loader was not told of
        core.register_component("data_loader", API_MODELS)
    session = boto3.Session(botocore_session=core)
    runtime = session.client("bedrock-runtime")
    bedrock = session.client("bedrock")
    s3 = session.client("s3")


def counted(stream):
    """Has an error that ends a stream say how many events came before it."""
    events = 0
    try:
        for event in stream:
            events += 1
            yield event
    except botocore.exceptions.ClientError as error:
        error.events = events
        raise


def converse(modelId, words, metadata=None):
    out = runtime.converse(modelId=modelId, messages=[user(words)], **({"requestMetadata": metadata} if metadata else {}))
    return {**meta(out), "text": text(out["output"]["message"]), "stopReason": out["stopReason"], "usage": out["usage"]}


def converse_stream(modelId, words, metadata=None):
    out = runtime.converse_stream(modelId=modelId, messages=[user(words)], **({"requestMetadata": metadata} if metadata else {}))
    read = {**meta(out), "events": [], "text": ""}
    for event in counted(out["stream"]):
        ((kind, value),) = event.items()
        read["events"].append(kind)
        read["text"] += value.get("delta", {}).get("text", "")
        for member in ("stopReason", "usage"):
            if member in value:
                read[member] = value[member]
    return read


def invoke(modelId, body):
    out = runtime.invoke_model(modelId=modelId, body=json.dumps(body))
    return {**meta(out), "contentType": out["contentType"], "body": json.loads(out["body"].read())}


def invoke_stream(modelId, body):
    out = runtime.invoke_model_with_response_stream(modelId=modelId, body=json.dumps(body))
    return {**meta(out), "chunks": [json.loads(event["chunk"]["bytes"]) for event in counted(out["body"])]}


def tools(modelId, words):
    config = {"tools": [WEATHER]}
    messages = [user(words)]
    first = runtime.converse(modelId=modelId, messages=messages, toolConfig=config)
    message = first["output"]["message"]
    use = next(block["toolUse"] for block in message["content"] if "toolUse" in block)
    result = {"toolUseId": use["toolUseId"], "content": [{"json": {"sky": "clear", "celsius": 21}}]}
    messages += [message, {"role": "user", "content": [{"toolResult": result}]}]
    second = runtime.converse(modelId=modelId, messages=messages, toolConfig=config)
    return {
        "firstStop": first["stopReason"],
        "usage": first["usage"],
        "tool": use["name"],
        "input": use["input"],
        "stopReason": second["stopReason"],
        "text": text(second["output"]["message"]),
    }


def count_tokens(modelId, words=None, body=None):
    asked = {"invokeModel": {"body": json.dumps(body)}} if body else {"converse": {"messages": [user(words)]}}
    out = runtime.count_tokens(modelId=modelId, input=asked)
    return {**meta(out), "inputTokens": out["inputTokens"]}


def list_models(provider):
    out = bedrock.list_foundation_models(byProvider=provider)
    models = out["modelSummaries"]
    return {**meta(out), "ids": [m["modelId"] for m in models], "providers": sorted({m["providerName"] for m in models})}


def get_model(modelId):
    out = bedrock.get_foundation_model(modelIdentifier=modelId)
    details = out["modelDetails"]
    return {**meta(out), "id": details["modelId"], "arn": details["modelArn"], "streaming": details["responseStreamingSupported"]}


def list_profiles():
    pages = list(bedrock.get_paginator("list_inference_profiles").paginate(PaginationConfig={"PageSize": 20}))
    return {"ids": [p["inferenceProfileId"] for page in pages for p in page["inferenceProfileSummaries"]], "pages": len(pages)}


def get_profile(profileId):
    out = bedrock.get_inference_profile(inferenceProfileIdentifier=profileId)
    return {**meta(out), "id": out["inferenceProfileId"], "arn": out["inferenceProfileArn"], "models": len(out["models"])}


def construct(**request):
    out = runtime.construct(**request)
    return {**meta(out), **constructed(out)}


def construct_stream(**request):
    out = runtime.construct_stream(**request)
    events = [next(iter(event.items())) for event in out["stream"]]
    last = {kind: value for kind, value in events}["result"]
    return {**meta(out), **constructed(last), "events": [kind for kind, _ in events]}


def constructed(out):
    return {
        "output": out["output"],
        "text": out["text"],
        "stopReason": out["stopReason"],
        "strategy": out["trace"]["strategy"],
        "attempts": len(out["trace"]["attempts"]),
    }


def create_text_job(name, modelId, text, output):
    out = bedrock.create_model_invocation_job(
        modelId=modelId,
        jobName=name,
        inputDataConfig={"contentType": "application/json", "text": text},
        outputDataConfig={"s3Uri": output},
    )
    return {**meta(out), "jobArn": out["jobArn"]}


def create_job(name, modelId, input, output, **more):
    out = bedrock.create_model_invocation_job(
        jobName=name,
        modelId=modelId,
        roleArn="arn:aws:iam::123456789012:role/batch",
        inputDataConfig={"s3InputDataConfig": {"s3Uri": input}},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": output}},
        **more,
    )
    return {**meta(out), "jobArn": out["jobArn"]}


def get_job(job):
    out = bedrock.get_model_invocation_job(jobIdentifier=job)
    return {**meta(out), **shown(out)}


def wait_job(job):
    """Polls, as the API's users have to, until the job has ended."""
    seen = []
    while True:
        out = bedrock.get_model_invocation_job(jobIdentifier=job)
        if out["status"] not in seen:
            seen.append(out["status"])
        if out["status"] in FINAL:
            return {**shown(out), "seen": seen}
        time.sleep(0.02)


def list_jobs(**filters):
    out = bedrock.list_model_invocation_jobs(**filters)
    return {**meta(out), "jobs": [shown(job) for job in out["invocationJobSummaries"]]}


def stop_job(job):
    return meta(bedrock.stop_model_invocation_job(jobIdentifier=job))


def shown(job):
    """A job without its timestamps, but for which of them it has."""
    members = {k: v for k, v in job.items() if k != "ResponseMetadata" and not k.endswith("Time")}
    return {**members, "times": sorted(k for k in job if k.endswith("Time"))}


def make_bucket(bucket):
    s3.create_bucket(Bucket=bucket)
    return {"ids": [b["Name"] for b in s3.list_buckets()["Buckets"]]}


def put_object(bucket, key, text, **more):
    return meta(s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), **more))


def put_stream(bucket, key, text):
    """A body that cannot be read twice, so nothing can be hashed beforehand."""
    s3.upload_fileobj(io.BufferedReader(io.BytesIO(text.encode())), bucket, key)
    return {}


def get_object(bucket, key, **more):
    out = s3.get_object(Bucket=bucket, Key=key, **more)
    text = out["Body"].read().decode()
    return {**meta(out), "text": text, "contentType": out["ContentType"], "metadata": out["Metadata"], "etag": out["ETag"]}


def list_objects(bucket, **more):
    found = {"ids": [], "prefixes": [], "pages": 0}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2}, **more):
        found["pages"] += 1
        found["ids"] += [o["Key"] for o in page.get("Contents", [])]
        found["prefixes"] += [p["Prefix"] for p in page.get("CommonPrefixes", [])]
    return found


def upload_parts(bucket, key, size):
    """boto3 sends parts by itself, several at a time."""
    data = bytes(i * 7 % 251 for i in range(1 << 16)) * (size >> 16)
    s3.upload_fileobj(io.BytesIO(data), bucket, key)
    back = io.BytesIO()
    s3.download_fileobj(bucket, key, back)
    same = hashlib.sha256(back.getvalue()).digest() == hashlib.sha256(data).digest()
    return {"same": same, "size": len(back.getvalue()), "etag": s3.head_object(Bucket=bucket, Key=key)["ETag"]}


def copy_object(bucket, key, source):
    out = s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": source})
    return {**meta(out), "etag": out["CopyObjectResult"]["ETag"]}


def presigned(bucket, key):
    """A URL for whoever has it, with each version of the signature."""
    texts = []
    for version in (None, "s3v4"):
        client = boto3.client("s3", config=botocore.config.Config(signature_version=version)) if version else s3
        url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
        with urllib.request.urlopen(url) as reply:
            texts.append(reply.read().decode())
    return {"ids": texts}


def remove_all(bucket):
    removed = boto3.resource("s3").Bucket(bucket).objects.all().delete()
    s3.delete_bucket(Bucket=bucket)
    return {"removed": sum(len(page["Deleted"]) for page in removed)}


CASES = {
    "configure": configure,
    "converse": converse,
    "converseStream": converse_stream,
    "invoke": invoke,
    "invokeStream": invoke_stream,
    "tools": tools,
    "countTokens": count_tokens,
    "listModels": list_models,
    "getModel": get_model,
    "listProfiles": list_profiles,
    "getProfile": get_profile,
    "construct": construct,
    "constructStream": construct_stream,
    "createTextJob": create_text_job,
    "createJob": create_job,
    "getJob": get_job,
    "waitJob": wait_job,
    "listJobs": list_jobs,
    "stopJob": stop_job,
    "makeBucket": make_bucket,
    "putObject": put_object,
    "putStream": put_stream,
    "getObject": get_object,
    "listObjects": list_objects,
    "uploadParts": upload_parts,
    "copyObject": copy_object,
    "presigned": presigned,
    "removeAll": remove_all,
}


def describe(error):
    described = {"class": type(error).__name__, "name": type(error).__name__, "message": str(error)}
    if isinstance(error, botocore.exceptions.ClientError):
        about = error.response["ResponseMetadata"] if "ResponseMetadata" in error.response else {}
        described |= {
            "exception": True,
            "name": error.response["Error"]["Code"],
            "message": error.response["Error"]["Message"],
            "status": about.get("HTTPStatusCode"),
            "requestId": about.get("RequestId"),
            "attempts": about.get("RetryAttempts", 0) + 1,
            "events": getattr(error, "events", 0),
        }
    return described


for line in sys.stdin:
    params = json.loads(line)
    case = CASES[params.pop("case")]
    try:
        answer = {"result": case(**params)}
    except Exception as error:  # whatever the client raises is the case's outcome
        answer = {"error": describe(error)}
    print(json.dumps(answer, default=str), flush=True)
