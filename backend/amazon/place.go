package amazon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// DefaultProfile is the profile that is used, when it exists, where nobody
// names one; DefaultRegion is the Region where nobody names one.
const (
	DefaultProfile = "aws"
	DefaultRegion  = "us-west-2"
)

// OverlayServices is the services section of the AWS configuration by which
// outcrop python-overlay points a profile to an Outcrop server. A profile that
// has it is not taken for Amazon Bedrock unless somebody names it.
const OverlayServices = "outcrop"

// Setting is a value and what decided it.
type Setting struct {
	Value string `json:"value"`
	From  string `json:"from"` // "flag", "environment AWS_PROFILE", "configuration file", "default", ...
}

// Place is where calls go, and as whom. It holds no secrets.
type Place struct {
	Profile     Setting // Value is empty where the SDK's own chain decides
	Region      Setting
	Endpoint    Setting // of the runtime
	Control     Setting // of the control plane: models, profiles, jobs
	Credentials Setting // Value is their kind: "bearer token", "access key", "profile", "chain"
}

// Elsewhere tells whether calls go to a host that is not AWS's.
func (p Place) Elsewhere() bool {
	u, err := url.Parse(p.Endpoint.Value)
	return err != nil || !isAWSHost(u.Hostname())
}

// Here tells whether calls go to this machine.
func (p Place) Here() bool {
	u, err := url.Parse(p.Endpoint.Value)
	return err == nil && upstream.Loopback(u.Hostname())
}

// Where tells what a Backend of this configuration would use, and why. It
// reads the environment and the AWS configuration files, and calls nobody.
func Where(ctx context.Context, c Config) (Place, error) {
	_, place, err := load(ctx, c)
	return place, err
}

// AWSConfig is the AWS configuration by the same rule for profile and Region,
// for other services of AWS. It reads what Where reads, and calls nobody.
func AWSConfig(ctx context.Context, c Config) (aws.Config, error) {
	loaded, _, err := load(ctx, c)
	return loaded, err
}

const (
	fromFlag    = "flag"
	fromFile    = "configuration file"
	fromDefault = "default"
	bearerEnv   = "AWS_BEARER_TOKEN_BEDROCK"
)

// load reads the AWS configuration by the rule for profile and Region.
func load(ctx context.Context, c Config) (aws.Config, Place, error) {
	env, err := config.NewEnvConfig()
	if err != nil {
		return aws.Config{}, Place{}, fmt.Errorf("amazon: the AWS environment variables: %w", err)
	}
	var place Place
	place.Profile, err = profile(ctx, c, env)
	if err != nil {
		return aws.Config{}, Place{}, err
	}
	options := []func(*config.LoadOptions) error{
		config.WithDefaultRegion(DefaultRegion),
		config.WithLogger(logging.Nop{}), // what goes wrong is an error, and nobody's standard error is the SDK's
	}
	// A profile of the environment is left to the SDK, for which keys of the
	// environment then come first; one that is set here comes before them.
	if p := place.Profile; p.Value != "" && p.From != environment("AWS_PROFILE", "AWS_DEFAULT_PROFILE") {
		options = append(options, config.WithSharedConfigProfile(p.Value))
	}
	place.Region = region(c, env)
	if place.Region.Value != "" {
		options = append(options, config.WithRegion(place.Region.Value))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, Place{}, fmt.Errorf("amazon: the AWS configuration: %w", err)
	}
	if place.Region.Value == "" {
		place.Region = ofProfile(place.Profile.Value, loaded.Region, regionOfProfile(loaded))
	}
	if place.Endpoint, err = endpoint(ctx, c, &loaded, runtimeService); err != nil {
		return aws.Config{}, Place{}, err
	}
	if place.Control, err = controlEndpoint(ctx, c, &loaded); err != nil {
		return aws.Config{}, Place{}, err
	}
	place.Credentials = credentialKind(env, place.Profile)
	return loaded, place, nil
}

// profile chooses the profile: flag, environment, file, and then the one named
// aws, if there is one that leads to AWS and the environment holds no
// credentials, which would come first.
func profile(ctx context.Context, c Config, env config.EnvConfig) (Setting, error) {
	switch {
	case c.Flag.Profile != "":
		return Setting{c.Flag.Profile, cmp.Or(c.Flag.ProfileFrom, fromFlag)}, nil
	case env.SharedConfigProfile != "":
		return Setting{env.SharedConfigProfile, environment("AWS_PROFILE", "AWS_DEFAULT_PROFILE")}, nil
	case c.File.Profile != "":
		return Setting{c.File.Profile, cmp.Or(c.File.ProfileFrom, fromFile)}, nil
	case env.Credentials.HasKeys() || env.WebIdentityTokenFilePath != "":
		return Setting{"", "default: the environment holds credentials"}, nil
	}
	found, exists, err := findProfile(ctx, DefaultProfile, env)
	switch {
	case err != nil:
		return Setting{}, err
	case !exists:
		return Setting{"", fromDefault + ": there is no profile named " + DefaultProfile}, nil
	case found.ServicesSectionName == OverlayServices:
		return Setting{"", fromDefault + ": the profile " + DefaultProfile + " leads to an Outcrop server"}, nil
	}
	return Setting{DefaultProfile, fromDefault + ": there is a profile of this name"}, nil
}

func findProfile(ctx context.Context, name string, env config.EnvConfig) (found config.SharedConfig, exists bool, err error) {
	found, err = config.LoadSharedConfigProfile(ctx, name, func(o *config.LoadSharedConfigOptions) {
		if env.SharedConfigFile != "" {
			o.ConfigFiles = []string{env.SharedConfigFile}
		}
		if env.SharedCredentialsFile != "" {
			o.CredentialsFiles = []string{env.SharedCredentialsFile}
		}
	})
	if _, missing := errors.AsType[config.SharedConfigProfileNotExistError](err); missing {
		return found, false, nil
	}
	if err != nil {
		return found, false, fmt.Errorf("amazon: profile %s of the AWS configuration: %w", name, err)
	}
	return found, true, nil
}

// region is the Region as far as flag, environment and file decide it.
func region(c Config, env config.EnvConfig) Setting {
	switch {
	case c.Flag.Region != "":
		return Setting{c.Flag.Region, cmp.Or(c.Flag.RegionFrom, fromFlag)}
	case env.Region != "":
		return Setting{env.Region, environment("AWS_REGION", "AWS_DEFAULT_REGION")}
	case c.File.Region != "":
		return Setting{c.File.Region, cmp.Or(c.File.RegionFrom, fromFile)}
	}
	return Setting{}
}

// regionOfProfile is the Region that the profile in force names, or "".
func regionOfProfile(loaded aws.Config) string {
	for _, source := range loaded.ConfigSources {
		if shared, ok := source.(config.SharedConfig); ok {
			return shared.Region
		}
	}
	return ""
}

func ofProfile(profile, loaded, named string) Setting {
	if named == "" {
		return Setting{loaded, fromDefault}
	}
	if profile == "" {
		profile = config.DefaultSharedConfigProfile
	}
	return Setting{loaded, "profile " + profile}
}

// environment names the first of the variables that is set.
func environment(names ...string) string {
	for _, name := range names {
		if os.Getenv(name) != "" {
			return "environment " + name
		}
	}
	return "environment"
}

func credentialKind(env config.EnvConfig, profile Setting) Setting {
	switch {
	case os.Getenv(bearerEnv) != "":
		return Setting{"bearer token", "environment " + bearerEnv}
	case profile.Value != "" && profile.From != environment("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
		return Setting{"profile", "profile " + profile.Value}
	case env.Credentials.HasKeys():
		return Setting{"access key", environment("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY")}
	case env.WebIdentityTokenFilePath != "":
		return Setting{"web identity", "environment AWS_WEB_IDENTITY_TOKEN_FILE"}
	case profile.Value != "":
		return Setting{"profile", "profile " + profile.Value}
	}
	return Setting{"chain", "the AWS SDK's chain"}
}
