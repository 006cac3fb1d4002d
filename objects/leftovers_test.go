package objects

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestLeftovers: what nobody has written to for long goes; objects, what is
// known of them and what is being written stay.
func TestLeftovers(t *testing.T) {
	root := t.TempDir()
	d, err := NewDirectory(root)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.CreateBuckets = true
	write := func(uri string, attributes *Attributes, commit bool) {
		t.Helper()
		w, err := d.NewWriter(t.Context(), uri)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("some")); err != nil {
			t.Fatal(err)
		}
		if !commit {
			return // as a process that is killed leaves it
		}
		if attributes != nil {
			_, err = w.CommitAs(*attributes, Condition{})
		} else {
			err = w.Commit()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("s3://bucket/a/whole", &Attributes{Header: map[string]string{"Content-Type": "text/plain"}}, true)
	write("s3://bucket/a/killed", nil, false)
	upload, err := d.CreateUpload(t.Context(), Upload{Bucket: "bucket", Key: "parts", Initiated: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Hour)
	find := func(dry bool) []Leftover {
		t.Helper()
		list, err := d.Leftovers(t.Context(), before, dry)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if list := find(false); len(list) != 0 {
		t.Errorf("what is new was removed: %v", list)
	}
	old := before.Add(-time.Hour)
	err = filepath.Walk(root, func(path string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, old, old)
	})
	if err != nil {
		t.Fatal(err)
	}
	write("s3://bucket/b/under-way", nil, false)
	for range 2 {
		if list := find(true); len(list) != 2 {
			t.Errorf("a dry run tells of %v, want the killed file and the upload", list)
		}
	}
	if list := find(false); len(list) != 2 {
		t.Errorf("removed %v, want the killed file and the upload", list)
	}
	if list := find(false); len(list) != 0 {
		t.Errorf("removed again: %v", list)
	}
	if _, err := d.FindUpload(t.Context(), upload.ID); err == nil {
		t.Error("the upload is there still")
	}
	file, _, err := d.OpenFile(t.Context(), "s3://bucket/a/whole")
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	if about, _ := filepath.Glob(filepath.Join(root, aboutDir, "bucket", "*", "*")); len(about) != 1 {
		t.Errorf("what is known of the object: %v", about)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "bucket", "b", unfinished+"*")); len(left) != 1 {
		t.Errorf("what is being written: %v", left)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Leftovers(ctx, before, true); err == nil {
		t.Error("it goes on after its context")
	}
}
