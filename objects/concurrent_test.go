package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// putAs writes an object with attributes that tell of its text.
func putAs(d *Directory, uri, text string, c Condition) error {
	w, err := d.NewWriter(context.Background(), uri)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	_, err = w.CommitAs(Attributes{ETag: text, Metadata: map[string]string{"text": text}}, c)
	return err
}

// What is said of an object is said of the version that is read, whoever
// writes and deletes meanwhile.
func TestAttributesGoWithTheirObject(t *testing.T) {
	d := newDirectory(t, "bucket")
	const uri = "s3://bucket/a/b/c"
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 50 {
				text := fmt.Sprintf("%d-%02d", i, j)
				var err error
				switch {
				case i == 3 && j%2 == 0:
					err = d.Delete(t.Context(), uri)
				case i == 2:
					err = put(d, uri, text) // says nothing of itself
				default:
					err = putAs(d, uri, text, Condition{})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 500 {
			file, info, err := d.OpenFile(t.Context(), uri)
			if code(err) == bedrock.CodeResourceNotFound {
				continue
			}
			if err != nil {
				t.Error(err)
				return
			}
			text, err := io.ReadAll(file)
			file.Close()
			if said := info.Metadata["text"]; err != nil || said != "" && said != string(text) || said == "" && !strings.HasSuffix(info.ETag, "-1") {
				t.Errorf("%q is said to be %q, ETag %s, error %v", text, said, info.ETag, err)
			}
		}
	})
	wg.Wait()
}

// Of many writers who each want to be the first, one is.
func TestOneFirstWriter(t *testing.T) {
	d := newDirectory(t, "bucket")
	var wg sync.WaitGroup
	var won atomic.Int32
	for i := range 16 {
		wg.Go(func() {
			switch err := putAs(d, "s3://bucket/a", fmt.Sprint(i), Condition{Absent: true}); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, ErrPrecondition) || code(err) != bedrock.CodeConflict:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers were the first", won.Load())
	}
}

// A bucket is not removed from under an object, and a file that is no object
// keeps it too.
func TestRemoveBucket(t *testing.T) {
	d := newDirectory(t, "bucket")
	if err := put(d, "s3://bucket/a/b", "x"); err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveBucket(t.Context(), "bucket"); !errors.Is(err, ErrBucketNotEmpty) {
		t.Errorf("error %v", err)
	}
	if err := d.Delete(t.Context(), "s3://bucket/a/b"); err != nil {
		t.Fatal(err)
	}
	if err := d.root.WriteFile("bucket/bad%zz", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveBucket(t.Context(), "bucket"); !errors.Is(err, ErrBucketNotEmpty) {
		t.Errorf("with a file that is no object: error %v", err)
	}
	if err := d.root.Remove("bucket/bad%zz"); err != nil {
		t.Fatal(err)
	}
	if err := d.root.WriteFile("bucket/"+unfinished+"left", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveBucket(t.Context(), "bucket"); err != nil {
		t.Error(err)
	}
	if _, err := d.FindBucket(t.Context(), "bucket"); code(err) != bedrock.CodeResourceNotFound {
		t.Errorf("error %v", err)
	}
}

// Several writers that find the bucket missing make it once, and all write.
// Whoever has no right to it is refused, whichever was first.
func TestWritersMakeTheBucketOnce(t *testing.T) {
	d := newDirectory(t)
	d.CreateBuckets = true
	for round := range 50 {
		var wg sync.WaitGroup
		var denied atomic.Int32
		for i := range 4 {
			account := "111111111111"
			if i == 3 {
				account = "222222222222"
			}
			wg.Go(func() {
				w, err := d.Scoped(outcrop.ObjectScope{Account: account}).Create(t.Context(), fmt.Sprintf("s3://bucket-%d/%d", round, i))
				switch {
				case code(err) == bedrock.CodeAccessDenied:
					denied.Add(1)
				case err != nil:
					t.Error(err)
				default:
					if err := errors.Join(w.Commit(), w.Close()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n := denied.Load(); n != 1 && n != 3 {
			t.Errorf("round %d: %d were refused, want those of one account", round, n)
		}
	}
}

// A writer is told the truth, also where its object, and the folders that it
// made, are deleted before it knows.
func TestWritingWhatIsDeletedAtOnce(t *testing.T) {
	d := newDirectory(t, "bucket")
	const uri = "s3://bucket/x/y/z"
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := d.Delete(t.Context(), uri); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 60 {
		if err := putAs(d, uri, "text", Condition{}); err != nil {
			t.Error(err)
			break
		}
	}
	close(done)
	wg.Wait()
}
