// Package awscli reads command lines of the AWS CLI for the Bedrock services,
// and writes replies as it does. Commands written for `aws bedrock-runtime` and
// `aws bedrock` run with another program's name in front.
//
//	line, err := awscli.Parse("bedrock-runtime", args, more)
//	message, err := line.Message()      // path labels, query, headers, body
//	… send it …
//	err = awscli.Write(stdout, reply, line.Output, line.Query)
//
// The parameters of an operation follow from the request's Go type: the member
// inferenceConfig is --inference-config, its value is JSON, the shorthand
// maxTokens=100,temperature=0.5, or file://PATH. What is read is only brought
// into its form; whether the service takes it is the service's to say.
//
// The package does no I/O but to read the files that a command line names.
package awscli
