package bedrock

// The error codes of the two services, of the signature check before them,
// and Outcrop's own SchemaValidationException.
const (
	CodeAccessDenied          = "AccessDeniedException"
	CodeConflict              = "ConflictException"
	CodeInternalServer        = "InternalServerException"
	CodeModelError            = "ModelErrorException"
	CodeModelNotReady         = "ModelNotReadyException"
	CodeModelStreamError      = "ModelStreamErrorException"
	CodeModelTimeout          = "ModelTimeoutException"
	CodeResourceNotFound      = "ResourceNotFoundException"
	CodeServiceQuotaExceeded  = "ServiceQuotaExceededException"
	CodeServiceUnavailable    = "ServiceUnavailableException"
	CodeThrottling            = "ThrottlingException"
	CodeTooManyTags           = "TooManyTagsException"
	CodeValidation            = "ValidationException"
	CodeSchemaValidation      = "SchemaValidationException"
	CodeUnknownOperation      = "UnknownOperationException"
	CodeRequestTooLarge       = "RequestEntityTooLargeException"
	CodeUnrecognizedClient    = "UnrecognizedClientException"
	CodeInvalidSignature      = "InvalidSignatureException"
	CodeIncompleteSignature   = "IncompleteSignatureException"
	CodeMissingAuthentication = "MissingAuthenticationTokenException"
)

// CodeInfo is what a code means to whoever receives it.
type CodeInfo struct {
	Status    int  // of HTTP
	Retryable bool // the same call may succeed later, or elsewhere
}

var codes = map[string]CodeInfo{
	CodeAccessDenied:          {403, false},
	CodeConflict:              {400, false},
	CodeInternalServer:        {500, true},
	CodeModelError:            {424, false},
	CodeModelNotReady:         {429, true},
	CodeModelStreamError:      {424, false},
	CodeModelTimeout:          {408, true},
	CodeResourceNotFound:      {404, false},
	CodeServiceQuotaExceeded:  {400, false},
	CodeServiceUnavailable:    {503, true},
	CodeThrottling:            {429, true},
	CodeTooManyTags:           {400, false},
	CodeValidation:            {400, false},
	CodeSchemaValidation:      {422, false},
	CodeUnknownOperation:      {404, false},
	CodeRequestTooLarge:       {413, false},
	CodeUnrecognizedClient:    {403, false},
	CodeInvalidSignature:      {403, false},
	CodeIncompleteSignature:   {400, false},
	CodeMissingAuthentication: {403, false},
}

// Code looks up what an error code means. An unknown one, of a newer service,
// counts as an internal error that nobody retries.
func Code(code string) CodeInfo {
	if info, ok := codes[code]; ok {
		return info
	}
	return CodeInfo{Status: 500}
}
