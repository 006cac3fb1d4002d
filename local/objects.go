package local

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/objects/s3client"
)

// openObjects is where s3:// URIs lead, by the settings: below a data
// directory, or to S3. Nil settings are the defaults.
func openObjects(dir string, settings *config.Config) (outcrop.Objects, error) {
	if settings != nil && settings.Objects.Store == config.StoreS3 {
		return openS3(settings)
	}
	d, err := objects.NewDirectory(filepath.Join(dir, "objects"))
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	d.CreateBuckets = true
	return d, nil
}

// openS3 takes profile and Region as amazon back-ends do, and lets what is said
// of objects come first.
func openS3(settings *config.Config) (outcrop.Objects, error) {
	o := &settings.Objects
	c := amazonConfig(settings, "")
	if o.Profile != "" {
		c.Flag.Profile = o.Profile
	}
	if o.Region != "" {
		c.Flag.Region = o.Region
	}
	loaded, err := amazon.AWSConfig(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	return s3client.New(s3client.Config{AWS: loaded, Endpoint: o.Endpoint, Addressing: o.Addressing, PartSize: int(o.PartSize)}), nil
}

func closeObjects(o outcrop.Objects) error {
	if closer, ok := o.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// Directory is the local directory of objects, or nil when they lie on S3 or
// are a server's.
func (l *Local) Directory() *objects.Directory {
	d, _ := l.objects.(*objects.Directory)
	return d
}
