#!/usr/bin/env bash
# Walks the document that Outcrop was built after: runs every snippet, bullet
# and table row, and prints what ran, what it printed and what held. The Python
# needs python3 with boto3; without it those items are skipped and the sum says
# so. The exit code is that of the walk.
set -uo pipefail
cd "$(dirname "$0")/.."
report=$(mktemp)
trap 'rm -f "$report"' EXIT
log=$(OUTCROP_CLIENTS=1 OUTCROP_DOCUMENT_REPORT="$report" go test -count=1 -run '^TestDocument$' ./internal/document 2>&1)
code=$?
cat "$report"
if ((code)); then printf '%s\n' "$log" >&2; fi
exit $code
