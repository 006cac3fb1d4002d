package objects_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/objects"
)

// TestScopedWritersMakeABucketTogether: of several that create the first
// object of a bucket at once, none is told that the bucket exists.
func TestScopedWritersMakeABucketTogether(t *testing.T) {
	d, err := objects.NewDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.CreateBuckets = true
	for round := range 20 {
		failed := make(chan error, 8)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				w, err := outcrop.ScopeObjects(d, outcrop.ObjectScope{Account: "111111111111"}).Create(t.Context(), fmt.Sprintf("s3://bucket-%d/%d", round, i))
				if err == nil {
					err = w.Close()
				}
				failed <- err
			})
		}
		wg.Wait()
		close(failed)
		for err := range failed {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
