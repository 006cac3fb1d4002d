package amazon

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// service is one of AWS's services, by the names that it goes by.
type service struct {
	host  string // the first label of its host name
	sdkID string // in the AWS configuration
	env   string // the end of AWS_ENDPOINT_URL_…
}

var runtimeService = service{host: "bedrock-runtime", sdkID: "Bedrock Runtime", env: "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"}

var controlService = service{host: "bedrock", sdkID: "Bedrock", env: "AWS_ENDPOINT_URL_BEDROCK"}

// controlEndpoint finds the URL of the control plane. An endpoint that was
// given for the runtime stands for it too, where it is not AWS's own or one of
// a private network: other servers have both on one port.
func controlEndpoint(ctx context.Context, c Config, loaded *aws.Config) (Setting, error) {
	for _, choice := range []*Choice{&c.Flag, &c.File} {
		if choice.Control != "" {
			choice.Endpoint = choice.Control
		} else if strings.Contains(choice.Endpoint, runtimeService.host) {
			choice.Endpoint = ""
		}
	}
	return endpoint(ctx, c, loaded, controlService)
}

// endpoint finds the URL of a service: flag, then the environment
// (AWS_ENDPOINT_URL_BEDROCK_RUNTIME before AWS_ENDPOINT_URL), Outcrop's file,
// the profile's services section and endpoint_url, and AWS's own host.
func endpoint(ctx context.Context, c Config, loaded *aws.Config, s service) (Setting, error) {
	set, err := configuredEndpoint(ctx, c, loaded, s)
	if err != nil {
		return Setting{}, err
	}
	if set.Value == "" {
		host, err := awsHost(ctx, loaded, s)
		return Setting{"https://" + host, fromDefault}, err
	}
	u, err := url.Parse(set.Value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Setting{}, fmt.Errorf("amazon: the endpoint of %s is no http or https URL", set.From)
	}
	return set, nil
}

func configuredEndpoint(ctx context.Context, c Config, loaded *aws.Config, s service) (Setting, error) {
	if c.Flag.Endpoint != "" {
		return Setting{c.Flag.Endpoint, cmp.Or(c.Flag.EndpointFrom, fromFlag)}, nil
	}
	ignored, _, err := config.GetIgnoreConfiguredEndpoints(ctx, loaded.ConfigSources)
	if err != nil {
		return Setting{}, fmt.Errorf("amazon: ignore_configured_endpoint_urls: %w", err)
	}
	if !ignored {
		for _, name := range []string{s.env, "AWS_ENDPOINT_URL"} {
			if value := os.Getenv(name); value != "" {
				return Setting{value, "environment " + name}, nil
			}
		}
	}
	if c.File.Endpoint != "" {
		return Setting{c.File.Endpoint, fromFile}, nil
	}
	if ignored {
		return Setting{}, nil
	}
	for _, source := range loaded.ConfigSources {
		shared, ok := source.(config.SharedConfig)
		if !ok {
			continue
		}
		value, found, err := shared.GetServiceBaseEndpoint(ctx, s.sdkID)
		if err != nil {
			return Setting{}, fmt.Errorf("amazon: the services section of profile %s: %w", shared.Profile, err)
		}
		if found {
			return Setting{value, "profile " + shared.Profile + ", services " + shared.ServicesSectionName}, nil
		}
	}
	if loaded.BaseEndpoint != nil {
		return Setting{*loaded.BaseEndpoint, "profile, endpoint_url"}, nil
	}
	return Setting{}, nil
}

// suffixes are the host names of AWS's partitions by the beginning of their
// Regions' names, plain and dual stack. The last one is everybody else's.
//
// Source: the endpoint rules in AWS's public SDKs.
var suffixes = []struct{ prefix, plain, dual string }{
	{"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
	{"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
	{"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
	{"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
	{"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
	{"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
	{"", "amazonaws.com", "api.aws"},
}

var regionName = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)

// awsHost is AWS's own host of a service in the Region.
func awsHost(ctx context.Context, loaded *aws.Config, s service) (string, error) {
	if !regionName.MatchString(loaded.Region) {
		return "", fmt.Errorf("amazon: %.64q is no name of a Region", loaded.Region)
	}
	name := s.host
	var fips, dual bool
	for _, source := range loaded.ConfigSources {
		if f, ok := source.(interface {
			GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
		}); ok && !fips {
			state, _, _ := f.GetUseFIPSEndpoint(ctx)
			fips = state == aws.FIPSEndpointStateEnabled
		}
		if d, ok := source.(interface {
			GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
		}); ok && !dual {
			state, _, _ := d.GetUseDualStackEndpoint(ctx)
			dual = state == aws.DualStackEndpointStateEnabled
		}
	}
	if fips {
		name += "-fips"
	}
	for _, p := range suffixes {
		if strings.HasPrefix(loaded.Region, p.prefix) {
			if dual {
				return name + "." + loaded.Region + "." + p.dual, nil
			}
			return name + "." + loaded.Region + "." + p.plain, nil
		}
	}
	panic("unreachable: the last suffix fits all")
}

// isAWSHost tells whether a host is of one of AWS's partitions.
func isAWSHost(host string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(host, "."+s.plain) || strings.HasSuffix(host, "."+s.dual) {
			return true
		}
	}
	return false
}
