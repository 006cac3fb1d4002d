package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/clients/botocore"
	"github.com/outcrop-ai/outcrop/internal/inifile"
)

const (
	overlayServices = amazon.OverlayServices // the section of ~/.aws/config that is ours
	overlayRegion   = amazon.DefaultRegion   // of a profile that has none
)

// overlay is what python-overlay is asked for.
type overlay struct {
	url         string
	remove, yes bool
	config      string // the AWS configuration file
	models      string // the directory in which botocore looks for data files
	profile     string
}

func newPythonOverlay(a *app) *cobra.Command {
	var o overlay
	c := &cobra.Command{
		Use:   "python-overlay",
		Short: "Let stock boto3 and the AWS CLI use a server, Construct included",
		Long: `python-overlay writes what stock boto3 and the AWS CLI need to use an Outcrop
server without a change to a program:

  ~/.aws/models   botocore's data files: the Construct operation, and jobs whose
                  input is in the request and that need no roleArn
  ~/.aws/config   the profile (aws, or the one --profile names), which points
                  bedrock, bedrock-runtime and s3 to the server

It says what it will change, and asks where settings are there already. The
profile gets credentials only where it has none: a server on loopback without
tenants takes any. $AWS_CONFIG_FILE names another file. --remove takes all of it
away again.`,
		Example: `  outcrop python-overlay
  outcrop python-overlay --endpoint http://127.0.0.1:9000 --yes
  outcrop python-overlay --remove`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.load(c)
			if err != nil {
				return err
			}
			home, err := os.UserHomeDir()
			if err != nil {
				return err
			}
			o.url = cmp.Or(a.endpoint, os.Getenv(endpointVariable), "http://"+s.Server.Listen)
			o.config = cmp.Or(os.Getenv("AWS_CONFIG_FILE"), filepath.Join(home, ".aws", "config"))
			o.models = filepath.Join(home, ".aws", "models")
			o.profile = s.Profile
			return a.overlay(&o)
		},
	}
	c.Flags().BoolVar(&o.yes, "yes", false, "change settings that are there already without asking")
	c.Flags().BoolVar(&o.remove, "remove", false, "take the files and the settings away again")
	return c
}

func (a *app) overlay(o *overlay) error {
	before, err := os.ReadFile(o.config)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file := inifile.Parse(string(before))
	touches := file.Has(o.section())
	if o.remove {
		o.strip(file)
	} else {
		o.point(file)
	}
	after := file.String()
	if after != string(before) {
		a.say("%s: [%s] and [services %s]", o.config, o.section(), overlayServices)
		if touches && !o.remove && !o.yes && !a.confirm("[%s] is there already. Change it?", o.section()) {
			return usageError{fmt.Errorf("%s has a section [%s] already, and nobody said that it may be changed; --yes does", o.config, o.section())}
		}
		if err := writeWithin(o.config, []byte(after)); err != nil {
			return err
		}
	}
	if err := a.overlayModels(o); err != nil {
		return err
	}
	if o.remove {
		a.say("removed")
		return nil
	}
	fmt.Fprintf(a.stdout, "boto3.Session(profile_name=%q) and `aws --profile %s` now use %s\n", o.profile, o.profile, o.url)
	return nil
}

// section is the heading of the profile in ~/.aws/config.
func (o *overlay) section() string {
	if o.profile == "default" {
		return "default"
	}
	return "profile " + o.profile
}

// placeholder is the key of a profile that had no credentials. A server
// without tenants takes any.
const placeholder = "outcrop"

// point has the profile use the server.
func (o *overlay) point(f *inifile.File) {
	f.Remove("services " + overlayServices)
	var lines []string
	for _, service := range []string{"bedrock_runtime", "bedrock", "s3"} {
		lines = append(lines, service+" =", "  endpoint_url = "+o.url)
	}
	section := o.section()
	known := false
	for _, key := range []string{"aws_access_key_id", "credential_process", "sso_session", "sso_start_url", "role_arn", "web_identity_token_file", "login_session"} {
		_, there := f.Get(section, key)
		known = known || there
	}
	if _, there := f.Get(section, "region"); !there {
		f.Set(section, "region", overlayRegion)
	}
	if !known && !hasCredentials(o.profile) {
		f.Set(section, "aws_access_key_id", placeholder)
		f.Set(section, "aws_secret_access_key", placeholder)
	}
	f.Set(section, "services", overlayServices)
	f.Add("services "+overlayServices, lines)
}

// strip takes back what point has set. What the profile had before stays.
func (o *overlay) strip(f *inifile.File) {
	section := o.section()
	f.Remove("services " + overlayServices)
	if services, _ := f.Get(section, "services"); services != overlayServices {
		return
	}
	f.Unset(section, "services")
	for _, key := range []string{"aws_access_key_id", "aws_secret_access_key"} {
		if value, _ := f.Get(section, key); value == placeholder {
			f.Unset(section, key)
		}
	}
	if left := f.Lines(section); len(left) == 0 || len(left) == 1 && left[0] == "region = "+overlayRegion {
		f.Remove(section) // it was made by point
	}
}

// hasCredentials tells whether the user's credentials file has the profile.
func hasCredentials(profile string) bool {
	home, err := os.UserHomeDir()
	if err != nil {
		return false
	}
	text, err := os.ReadFile(cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), filepath.Join(home, ".aws", "credentials")))
	return err == nil && inifile.Parse(string(text)).Has(profile)
}

// overlayModels writes botocore's data files, or removes those that are ours.
func (a *app) overlayModels(o *overlay) error {
	return fs.WalkDir(botocore.Files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		want, err := botocore.Files.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(o.models, filepath.FromSlash(path))
		have, err := os.ReadFile(target)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		same, there := bytes.Equal(have, want), err == nil
		switch {
		case o.remove && same && there:
			return os.Remove(target)
		case o.remove || same:
			return nil
		case there && !o.yes && !a.confirm("%s is there already and differs. Write over it?", target):
			return usageError{fmt.Errorf("%s is there already and differs; --yes writes over it", target)}
		}
		a.say("%s", target)
		return writeWithin(target, want)
	})
}

// writeWithin writes a file, and makes the directory that it is in.
func writeWithin(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := newOutFile(path, 0o600)
	if err != nil {
		return err
	}
	return f.finish(text)
}
