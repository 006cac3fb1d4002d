package amazon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// signingName is the service in the scope of a signature; both of Bedrock's
// services have the same.
const signingName = "bedrock"

// authorizer signs requests, or gives them a bearer token. It is safe for
// concurrent use.
type authorizer struct {
	place   Place
	bearer  string // instead of a signature, unless a role is taken on
	plain   aws.CredentialsProvider
	signer  *v4.Signer
	now     func() time.Time
	timeout time.Duration
	roleFor func(outcrop.Caller) (Role, bool)
	assume  func(Role) aws.CredentialsProvider

	mu       sync.Mutex
	assumed  map[Role]aws.CredentialsProvider
	maxRoles int
}

func newAuthorizer(c Config, loaded aws.Config, place Place, bearer string) *authorizer {
	a := &authorizer{
		place: place, bearer: bearer, plain: loaded.Credentials,
		signer: v4.NewSigner(), now: c.Now, timeout: c.Credentials,
		roleFor: c.AssumeRole, assumed: map[Role]aws.CredentialsProvider{}, maxRoles: c.MaxRoles,
	}
	if a.now == nil {
		a.now = time.Now
	}
	if c.AssumeRole != nil {
		client := sts.NewFromConfig(loaded)
		a.assume = func(role Role) aws.CredentialsProvider {
			provider := stscreds.NewAssumeRoleProvider(client, role.ARN, func(o *stscreds.AssumeRoleOptions) {
				o.RoleSessionName = role.SessionName
				o.Duration = role.Duration
				if role.ExternalID != "" {
					o.ExternalID = &role.ExternalID
				}
			})
			// Renewed ahead of their end, so that no call goes out with
			// credentials that end on the way.
			return aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) {
				o.ExpiryWindow, o.ExpiryWindowJitterFrac = 2*time.Minute, 0.5
			})
		}
	}
	return a
}

// authorize completes the headers of a request whose body is given.
func (a *authorizer) authorize(ctx context.Context, caller outcrop.Caller, r *http.Request, body []byte) error {
	provider, err := a.provider(caller)
	if err != nil {
		return err
	}
	if provider == nil {
		r.Header["Authorization"] = []string{"Bearer " + a.bearer}
		return nil
	}
	credentials, err := a.retrieve(ctx, provider)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if err := a.signer.SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), signingName, a.place.Region.Value, a.now()); err != nil {
		return outcrop.Errorf(bedrock.CodeInternalServer, "the request could not be signed: %w", err)
	}
	return nil
}

// provider is where the credentials of a caller come from; nil means the
// bearer token.
func (a *authorizer) provider(caller outcrop.Caller) (aws.CredentialsProvider, error) {
	if a.roleFor != nil {
		if role, ok := a.roleFor(caller); ok {
			return a.role(caller, role)
		}
	}
	if a.bearer != "" {
		return nil, nil
	}
	if a.plain == nil {
		return nil, outcrop.Errorf(bedrock.CodeUnrecognizedClient, "there are no AWS credentials: %s", a.advice())
	}
	return a.plain, nil
}

func (a *authorizer) role(caller outcrop.Caller, role Role) (aws.CredentialsProvider, error) {
	if role.ARN == "" {
		return nil, outcrop.Errorf(bedrock.CodeAccessDenied, "the role of tenant %q has no ARN", caller.Tenant)
	}
	if role.SessionName == "" {
		role.SessionName = sessionName(caller.Tenant)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	provider, ok := a.assumed[role]
	if !ok {
		if len(a.assumed) >= a.maxRoles {
			for old := range a.assumed { // any of them: it is fetched anew when it is needed
				delete(a.assumed, old)
				break
			}
		}
		provider = a.assume(role)
		a.assumed[role] = provider
	}
	return provider, nil
}

// sessionName is what CloudTrail shows of a tenant: 2 to 64 characters of
// those that STS takes.
func sessionName(tenant string) string {
	name := "outcrop"
	if tenant != "" {
		name += "-" + strings.Map(func(r rune) rune {
			if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_+=,.@-", r)) {
				return r
			}
			return '_'
		}, tenant)
	}
	return name[:min(len(name), 64)]
}

// retrieve gets credentials within the limit. The cause of a failure is kept
// and not shown: it may name what is none of the caller's business.
func (a *authorizer) retrieve(ctx context.Context, provider aws.CredentialsProvider) (aws.Credentials, error) {
	limited := ctx
	if a.timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, a.timeout)
		defer cancel()
	}
	credentials, err := provider.Retrieve(limited)
	if err == nil {
		return credentials, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return credentials, cause
	}
	e := outcrop.Errorf(bedrock.CodeUnrecognizedClient, "there are no AWS credentials: %s", a.advice())
	e.Cause = err
	return credentials, e
}

// advice is what to do about credentials, by where they were looked for.
func (a *authorizer) advice() string {
	kind := a.place.Credentials
	if kind.Value == "profile" {
		return kind.From + " gave none; is its sign-on over (aws sso login --profile " + a.place.Profile.Value + ")?"
	}
	return kind.From + " gave none; set AWS_PROFILE, AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or " + bearerEnv
}

// refresh makes the credentials of a caller be fetched anew; the service says
// that they are over.
func (a *authorizer) refresh(caller outcrop.Caller) {
	if provider, err := a.provider(caller); err == nil {
		if cache, ok := provider.(*aws.CredentialsCache); ok {
			cache.Invalidate()
		}
	}
}

// checkBearer refuses to send a token where others can read it.
func checkBearer(base *url.URL) error {
	if base.Scheme == "https" || upstream.Loopback(base.Hostname()) {
		return nil
	}
	return outcrop.Errorf(bedrock.CodeValidation, "a bearer token is sent over https only, and the endpoint is %s", base.Redacted())
}
