// Package botocore holds the data files from which boto3 and the AWS CLI learn
// what AWS does not have: the Construct operation, and jobs whose input is in
// the request. They lie as botocore looks for them, in a directory that
// AWS_DATA_PATH names or in ~/.aws/models.
package botocore

import "embed"

// Files are the data files, by service and version of its API.
//
//go:embed bedrock bedrock-runtime
var Files embed.FS
