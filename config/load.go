package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/internal/yamlfile"
)

// FileName is what a configuration file is called where one is looked for.
const FileName = "outcrop.yaml"

// NoFile, in the place of a file's name, means that no file is read.
const NoFile = "none"

// Sources are where settings come from, the strongest first.
type Sources struct {
	// Flags are what the command line says, in its order; a later one wins.
	Flags []Assignment

	// Lookup reads an environment variable; nil means os.LookupEnv. A variable
	// that is empty counts as not set.
	Lookup func(string) (string, bool)

	// File names the configuration file. Empty means $OUTCROP_CONFIG, else
	// outcrop.yaml in the working directory, else in the directory outcrop of
	// the user's configuration; none of these need be there. NoFile means none.
	File string
}

// Config is every setting, with where each comes from. It must not be changed.
type Config struct {
	File

	// Path is the file that was read; "" when there was none.
	Path string

	// Only says that Backend was named by a flag or by the environment: it
	// answers for every model, and Models is not asked.
	Only bool

	origins map[string]Origin
	lookup  func(string) (string, bool)
}

// Default is the configuration without a file, flags or an environment.
func Default() *Config {
	c, err := Load(Sources{File: NoFile, Lookup: func(string) (string, bool) { return "", false }})
	if err != nil {
		panic("config: the defaults: " + err.Error())
	}
	return c
}

// Load reads the settings. An error names the flag, the variable, or the file
// and line at fault; several mistakes of a file are told together.
func Load(s Sources) (*Config, error) {
	if s.Lookup == nil {
		s.Lookup = os.LookupEnv
	}
	path, err := s.find()
	if err != nil {
		return nil, err
	}
	var data []byte
	if path != "" {
		if data, _, err = yamlfile.Read(path, MaxFile); err != nil {
			return nil, fmt.Errorf("the configuration file: %w", err)
		}
	}
	return parse(path, data, s)
}

// Parse reads the text of a configuration file. name is for errors and
// origins; flags and environment are those of s.
func Parse(name string, data []byte, s Sources) (*Config, error) {
	if s.Lookup == nil {
		s.Lookup = os.LookupEnv
	}
	return parse(name, data, s)
}

func parse(path string, data []byte, s Sources) (*Config, error) {
	c := &Config{Path: path, origins: map[string]Origin{}, lookup: s.Lookup}
	root := reflect.ValueOf(&c.File).Elem()
	setDefaults(root)
	if path != "" {
		tree, err := yamlfile.Parse(path, "a configuration file", data)
		if err != nil {
			return nil, err
		}
		r := reader{name: path, lookup: s.Lookup, origins: c.origins}
		r.value(root, tree, "", "")
		if err := r.err(); err != nil {
			return nil, err
		}
	}
	if err := c.environment(root, s.Lookup); err != nil {
		return nil, err
	}
	for _, f := range s.Flags {
		if err := set(root, f.Path, f.Path, f.Value, ""); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Flag, err)
		}
		c.origins[f.Path] = Origin{Source: FromFlag, Name: f.Flag}
	}
	c.profile()
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// find is the path of the file to read, or "".
func (s Sources) find() (string, error) {
	named := s.File
	if named == "" {
		named, _ = s.Lookup("OUTCROP_CONFIG")
	}
	switch named {
	case "":
	case NoFile:
		return "", nil
	default:
		return named, nil
	}
	for _, path := range Places() {
		switch _, err := os.Stat(path); {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("the configuration file: %w", err)
		}
	}
	return "", nil
}

// Places lists where a configuration file is looked for, in this order.
func Places() []string {
	places := []string{FileName}
	if dir, err := os.UserConfigDir(); err == nil {
		places = append(places, filepath.Join(dir, "outcrop", FileName))
	}
	return places
}

// environment applies the variables that are set.
func (c *Config) environment(root reflect.Value, lookup func(string) (string, bool)) (err error) {
	fixed(root.Type(), "", func(path string, f reflect.StructField) {
		for _, name := range EnvNames(path, f.Tag.Get("env")) {
			text, ok := lookup(name)
			if !ok || text == "" || err != nil {
				continue
			}
			if err = set(root, path, path, text, ""); err != nil {
				err = fmt.Errorf("environment %s: %w", name, err)
			}
			c.origins[path] = Origin{Source: FromEnvironment, Name: name}
			return
		}
	})
	return err
}

// profile applies the section of the profile in force, which is stronger than
// the rest of the file.
func (c *Config) profile() {
	section, ok := c.Profiles[c.Profile]
	if !ok {
		return
	}
	for key, to := range map[string]struct{ value, setting *string }{
		"model": {&section.Model, &c.Model}, "region": {&section.Region, &c.Region}, "backend": {&section.Backend, &c.Backend},
	} {
		if *to.value != "" && c.origins[key].Source <= FromFile {
			*to.setting = *to.value
			c.origins[key] = c.origins["profiles."+c.Profile+"."+key]
		}
	}
}

// ARNRegion is the Region in ARNs that are made here for requests that name
// none.
func (c *Config) ARNRegion() string {
	if c.origins["region"].Source == FromDefault {
		return "us-east-1"
	}
	return c.Region
}

// InFile are the settings that the file makes, by the first part of their
// paths, in order.
func (c *Config) InFile() []string {
	found := map[string]bool{}
	for path, o := range c.origins {
		if o.Source == FromFile {
			top, _, _ := strings.Cut(path, ".")
			top, _, _ = strings.Cut(top, "[")
			found[top] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// Origin tells where the setting of a path comes from.
func (c *Config) Origin(path string) Origin { return c.origins[path] }
