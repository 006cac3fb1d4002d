package main

import (
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/objects/s3server"
	"github.com/outcrop-ai/outcrop/server"
)

// addS3 has the server answer S3's API where the objects lie in a directory. It
// returns what the server then serves, for people.
func (a *app) addS3(m *local.Local, config *server.Config) (services string, err error) {
	directory := m.Directory()
	if directory == nil {
		return "bedrock-runtime and bedrock", nil
	}
	set := &a.settings.Objects
	c := s3server.Config{
		Directory: directory, Account: config.Account, MaxSkew: config.MaxSkew,
		MaxObject: int64(set.MaxObject), Stall: config.WriteStall, UploadExpiry: set.UploadExpiry,
	}
	if config.Keys != nil {
		c.Keys = config.Keys
	}
	handler, err := s3server.New(c)
	if err != nil {
		return "", err
	}
	config.Mounts = append(config.Mounts, server.Mount{Name: "s3", Service: "s3", Stray: true, Handler: handler})
	return "bedrock-runtime, bedrock and s3", nil
}
