package main

import (
	"context"
	"errors"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// The exit codes, by class of error. They are documented in `outcrop help
// exit-codes`; scripts rely on them.
const (
	exitFailed      = 1   // something went wrong that has no class of its own
	exitUsage       = 2   // wrong flags or arguments
	exitInvalid     = 3   // the request is invalid, or what it names does not exist
	exitDenied      = 4   // no access, or a wrong signature
	exitThrottled   = 5   // a quota is used up
	exitModel       = 6   // the model failed, or its output does not validate
	exitUnavailable = 7   // nobody answered, or not in time
	exitInterrupted = 130 // Ctrl-C
)

// usageError is a command line that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

var exitCodes = map[string]int{
	bedrock.CodeValidation:            exitInvalid,
	bedrock.CodeResourceNotFound:      exitInvalid,
	bedrock.CodeConflict:              exitInvalid,
	bedrock.CodeTooManyTags:           exitInvalid,
	bedrock.CodeUnknownOperation:      exitInvalid,
	bedrock.CodeRequestTooLarge:       exitInvalid,
	bedrock.CodeAccessDenied:          exitDenied,
	bedrock.CodeUnrecognizedClient:    exitDenied,
	bedrock.CodeInvalidSignature:      exitDenied,
	bedrock.CodeIncompleteSignature:   exitDenied,
	bedrock.CodeMissingAuthentication: exitDenied,
	bedrock.CodeThrottling:            exitThrottled,
	bedrock.CodeServiceQuotaExceeded:  exitThrottled,
	bedrock.CodeModelError:            exitModel,
	bedrock.CodeModelStreamError:      exitModel,
	bedrock.CodeSchemaValidation:      exitModel,
	bedrock.CodeModelTimeout:          exitUnavailable,
	bedrock.CodeModelNotReady:         exitUnavailable,
	bedrock.CodeServiceUnavailable:    exitUnavailable,
}

func exitCode(err error) int {
	if errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if e, ok := errors.AsType[*outcrop.Error](err); ok {
		if code, ok := exitCodes[e.Code]; ok {
			return code
		}
	}
	return exitFailed
}

const exitCodesHelp = `Exit codes:
  0    done
  1    failed for a reason without a class of its own
  2    wrong flags or arguments
  3    the request is invalid, or what it names does not exist
  4    no access, or a wrong signature
  5    throttled: a quota is used up
  6    the model failed, or its output does not validate against the schema
  7    nobody answered, or not in time
  130  interrupted

With --json an error is one line of JSON on standard error: {"error": {"code",
"message", "hint", "field", "requestId", "retryable", "exitCode"}}, without what
is not known.`
