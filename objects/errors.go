package objects

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

const (
	codeInvalid  = bedrock.CodeValidation
	codeNotFound = bedrock.CodeResourceNotFound
	codeInternal = bedrock.CodeInternalServer
)

// failure is an error of the file system as one about the object. It names the
// URI and not the path, because it may go to a caller elsewhere; the path is
// in its cause. done says what could not be done: "read", "written".
func failure(done, uri string, err error) error {
	if err == nil {
		return nil
	}
	var e *outcrop.Error
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e = noObject(uri)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e = outcrop.Errorf(codeInternal, "%s cannot be %s: the disk is full", Shown(uri), done)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		if done == "read" {
			e = noObject(uri)
		} else {
			e = overlap(uri)
		}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), leadsOut(err):
		e = outcrop.Errorf(bedrock.CodeAccessDenied, "%s cannot be %s: %s", Shown(uri), done, reason(err))
	default:
		e = outcrop.Errorf(codeInternal, "%s cannot be %s: %s", Shown(uri), done, reason(err))
	}
	e.Retryable, e.Cause = false, err
	return e
}

func noObject(uri string) *outcrop.Error {
	return outcrop.Errorf(codeNotFound, "the object %s does not exist", Shown(uri))
}

// overlap is the one thing that S3 stores and a directory does not.
func overlap(uri string) *outcrop.Error {
	return outcrop.Errorf(bedrock.CodeConflict,
		"%s cannot be written: a local directory does not hold an object whose key is also the folder of another", Shown(uri))
}

// reason is what the system said, without the path.
func reason(err error) string {
	if leadsOut(err) {
		return "a symbolic link leads out of the directory that holds the buckets"
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	return "the file system failed"
}

// leadsOut recognizes os.Root's refusal, which has no exported error.
func leadsOut(err error) bool {
	e, ok := errors.AsType[*fs.PathError](err)
	return ok && strings.Contains(e.Err.Error(), "escapes from parent")
}
