package amazon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Signer signs requests to other services of AWS with the credentials that a
// configuration leads to. The credentials are asked for with each request, and
// kept by the SDK while they last. It is safe for concurrent use.
func Signer(ctx context.Context, c Config) (func(ctx context.Context, r *http.Request, body []byte, service, region string) error, error) {
	loaded, err := AWSConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	signer := v4.NewSigner()
	return func(ctx context.Context, r *http.Request, body []byte, service, region string) error {
		if loaded.Credentials == nil {
			return errors.New("there are no AWS credentials")
		}
		credentials, err := loaded.Credentials.Retrieve(ctx)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		return signer.SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), service, region, time.Now())
	}, nil
}
