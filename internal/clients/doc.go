// Package clients holds tests and no code: real, unmodified clients of other
// languages use the real program, `outcrop serve`.
//
//	Go test ── line of JSON ── client program ── HTTP, signed ── outcrop serve
//	        ◄─ line of JSON ── js/, python/   ◄─ the SDK's view ─ (simulator)
//
// Each client program is one short file that takes the name of a case on a
// line of standard input and prints what its SDK made of the server's reply.
// What a reply should be is asked of the library in this process; the
// simulator answers equal requests equally. The frameworks also run with a real
// llama-server behind the program, where `make engine` has installed one.
//
// A browser uses the server's console, driven over the DevTools protocol.
//
// The tests run when OUTCROP_CLIENTS is 1, as `make test` sets it, and the
// clients are there: scripts/clients.sh installs the JavaScript packages, the
// machine has to bring node, python3 with boto3, the AWS CLI and chromium. What is
// missing is skipped by name.
package clients
