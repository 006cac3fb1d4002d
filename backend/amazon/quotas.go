package amazon

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Quota is a quota that is applied to an account in a Region.
type Quota struct {
	Name  string // "Cross-region model inference tokens per minute for ..."
	Code  string // "L-..."
	Value float64
}

// Quotas lists what Service Quotas says of Bedrock. It takes
// servicequotas:ListServiceQuotas.
func (b *Backend) Quotas(ctx context.Context) ([]Quota, error) {
	list, err := allQuotas(ctx, servicequotas.NewFromConfig(b.loaded, func(o *servicequotas.Options) { o.RetryMaxAttempts = 2 }))
	if err != nil {
		return nil, b.sdkError(ctx, err)
	}
	return list, nil
}

// ListServiceQuotas asks AWS's service Service Quotas what Amazon Bedrock grants
// the account in the Region of the configuration. endpoint, when set, is the URL
// of another server that answers in its place, as Outcrop's does; without
// credentials, requests to it are signed with made-up ones.
func ListServiceQuotas(ctx context.Context, c Config, endpoint string) ([]Quota, error) {
	loaded, place, err := load(ctx, c)
	if err != nil {
		return nil, err
	}
	if endpoint != "" && place.Credentials.Value == "chain" {
		// Nothing names credentials; to look for an instance's would only take time.
		loaded.Credentials = credentials.NewStaticCredentialsProvider("outcrop", "outcrop", "")
	}
	if _, err := loaded.Credentials.Retrieve(ctx); err != nil {
		e := outcrop.Errorf(bedrock.CodeUnrecognizedClient,
			"there are no AWS credentials for Service Quotas: %s gave none; set AWS_PROFILE, or AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY", place.Credentials.From)
		e.Cause = err
		return nil, e
	}
	client := servicequotas.NewFromConfig(loaded, func(o *servicequotas.Options) {
		o.Region = place.Region.Value
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
	list, err := allQuotas(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("amazon: Service Quotas in %s: %w", place.Region.Value, err)
	}
	return list, nil
}

// allQuotas reads the pages of Bedrock's quotas.
func allQuotas(ctx context.Context, client *servicequotas.Client) ([]Quota, error) {
	pages := servicequotas.NewListServiceQuotasPaginator(client, &servicequotas.ListServiceQuotasInput{
		ServiceCode: aws.String("bedrock"), MaxResults: aws.Int32(100),
	})
	list := []Quota{}
	for range maxPages {
		if !pages.HasMorePages() {
			break
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for i := range page.Quotas {
			if q := &page.Quotas[i]; q.QuotaName != nil && q.Value != nil {
				list = append(list, Quota{Name: *q.QuotaName, Code: aws.ToString(q.QuotaCode), Value: *q.Value})
			}
		}
	}
	return list, nil
}
