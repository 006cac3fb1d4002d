package amazon

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
)

// ServiceQuota is a quota that is applied to an account in a Region.
type ServiceQuota struct {
	Name  string
	Code  string
	Value float64
}

// ListServiceQuotas asks AWS's service Service Quotas what Amazon Bedrock grants
// the account in the Region of the configuration. endpoint, when set, is the URL
// of another server that answers in its place, as Outcrop's does; without
// credentials, requests to it are signed with made-up ones.
func ListServiceQuotas(ctx context.Context, c Config, endpoint string) ([]ServiceQuota, error) {
	loaded, place, err := load(ctx, c)
	if err != nil {
		return nil, err
	}
	if endpoint != "" && place.Credentials.Value == "chain" {
		// Nothing names credentials; to look for an instance's would only take time.
		loaded.Credentials = credentials.NewStaticCredentialsProvider("outcrop", "outcrop", "")
	}
	client := servicequotas.NewFromConfig(loaded, func(o *servicequotas.Options) {
		o.Region = place.Region.Value
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
	var list []ServiceQuota
	pages := servicequotas.NewListServiceQuotasPaginator(client, &servicequotas.ListServiceQuotasInput{ServiceCode: aws.String("bedrock")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("amazon: Service Quotas in %s: %w", place.Region.Value, err)
		}
		for i := range page.Quotas {
			q := &page.Quotas[i]
			if q.QuotaName != nil && q.Value != nil {
				list = append(list, ServiceQuota{Name: *q.QuotaName, Code: aws.ToString(q.QuotaCode), Value: *q.Value})
			}
		}
	}
	return list, nil
}
