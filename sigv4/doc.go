// Package sigv4 verifies that a request comes from a tenant: by an AWS
// Signature Version 4, in the Authorization header or in a presigned URL, or
// by a bearer token.
//
// Call [Parse] on the request as it arrived; it reads the claims without
// believing them, so that a server can choose a handler by the service of the
// scope. When the body is there, call [Verifier.Verify], which answers with an
// [Identity] or with an [Error] worded as AWS words it.
//
//	*http.Request ── Parse ──▶ *Request ── Verifier.Verify(body) ──▶ Identity
//	                                            │
//	                              KeyStore · TokenStore · clock
//
// Bodies too large to be held go another way: [Verifier.VerifyHead] checks the
// head, and the [Payload] that it returns reads the body and checks it chunk by
// chunk.
//
// [Keyring] is a store in memory and [LoadKeys] fills one from a file.
//
// Presigned URLs of S3 may also be of Signature Version 2, which some clients
// still make.
//
// A signature is checked over exactly the headers it lists, of which the host
// has to be one. Nothing here logs, and no error holds a secret, a token or a
// signature.
//
// Sources: the AWS documentation of Signature Version 4,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
// and for S3
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html.
package sigv4
