#!/usr/bin/env bash
# Installs the clients that the tests of internal/clients drive: the npm
# packages of internal/clients/js, into .cache/clients. The AWS CLI, boto3 and
# the browser are the machine's own. What is missing is said in one line, and its tests
# skip; the exit code is 0, so that `make test` goes on.
set -euo pipefail
cd "$(dirname "$0")/.."

source=internal/clients/js
target=.cache/clients
missing=()

# installed tells whether the target holds what the lock file asks for.
installed() {
	cmp -s "$source/package-lock.json" "$target/package-lock.json" && [[ -e $target/installed ]]
}

install_js() {
	rm -rf "$target/installed"
	mkdir -p "$target"
	cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" "$target/"
	npm ci --prefix "$target" --ignore-scripts --loglevel=error --fetch-retries=1 --fetch-retry-mintimeout=1000 >"$target/npm.log" 2>&1 && touch "$target/installed"
}

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
	missing+=("node and npm (JavaScript clients)")
elif ! installed && ! install_js; then
	missing+=("the npm packages (see $target/npm.log)")
fi
python3 -c 'import boto3' 2>/dev/null || missing+=("python3 with boto3")
command -v aws >/dev/null || missing+=("the AWS CLI")
[[ -n ${OUTCROP_CHROMIUM:-} ]] || command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null || missing+=("chromium (the console)")

if ((${#missing[@]})); then
	list=$(printf ', %s' "${missing[@]}")
	echo "clients: missing: ${list:2}; the tests that need them skip"
fi
