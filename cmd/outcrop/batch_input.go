package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// checkRecords refuses a file that holds no records, with the command that makes
// some of it.
func checkRecords(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return usageError{err}
	}
	base := strings.TrimSuffix(filepath.Base(filepath.Clean(file)), filepath.Ext(file))
	pack := "outcrop batch pack " + quoted(file)
	switch {
	case info.IsDir():
		return usageError{fmt.Errorf("%s is a folder, and a job reads records: %s -o %s makes one of each text file in it", file, pack, quoted(base+".jsonl"))}
	case strings.EqualFold(filepath.Ext(file), ".csv"):
		return usageError{fmt.Errorf("%s is CSV, and a job reads records: %s --column NAME -o %s makes one of each row (without --column, of the whole row)", file, pack, quoted(base+".jsonl"))}
	case !strings.HasSuffix(file, ".jsonl"):
		return usageError{fmt.Errorf("%s: the name of a file of records has to end in .jsonl; where it holds prompts, %s -o %s makes records of them", file, pack, quoted(base+".jsonl"))}
	}
	return nil
}

// checkS3 refuses a URI that the API would, in words.
func checkS3(flag, uri string) error {
	if bedrock.Validate(&bedrock.ModelInvocationJobS3OutputDataConfig{S3URI: uri}) == nil {
		return nil
	}
	if !strings.HasPrefix(uri, "s3://") {
		return usageError{fmt.Errorf("%s %s: expected s3://BUCKET/PREFIX/; without an account it leads into the data directory, as --objects says", flag, uri)}
	}
	return usageError{errors.New(flag + " " + uri + ": expected s3://BUCKET/PREFIX/; a bucket's name has 3 to 63 of a-z, 0-9, dots and hyphens, and begins and ends with a letter or digit")}
}
