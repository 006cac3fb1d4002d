package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newDirectory(t *testing.T, buckets ...string) *Directory {
	t.Helper()
	d, err := NewDirectory(filepath.Join(t.TempDir(), "s3"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	for _, b := range buckets {
		if err := d.CreateBucket(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func put(d *Directory, uri, text string) error {
	w, err := d.Create(context.Background(), uri)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	return w.Commit()
}

func get(d *Directory, uri string) (string, error) {
	r, err := d.Open(context.Background(), uri)
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	return string(text), err
}

func list(t interface{ Fatal(...any) }, d *Directory, prefix string) (uris []string) {
	for object, err := range d.List(context.Background(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		uris = append(uris, object.URI)
	}
	return uris
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return outcrop.AsError(err).Code
}

func TestBucketNames(t *testing.T) {
	for name, good := range map[string]bool{
		"abc": true, "my-bucket": true, "a.b.c": true, "123": true, strings.Repeat("a", 63): true, "amzn-s3-demo-bucket": true,
		"": false, "ab": false, strings.Repeat("a", 64): false, "Abc": false, "a_b": false, "-ab": false, "ab-": false, ".ab": false,
		"a..b": false, "192.168.5.4": false, "xn--abc": false, "sthree-abc": false, "abc-s3alias": false, "abc--ol-s3": false,
		"abc.mrap": false, "abc--x-s3": false, "..": false, "a/b": false, "a\x00b": false, "bücket": false,
	} {
		if reason := badBucket(name); (reason == "") != good {
			t.Errorf("bucket name %q: %q, want good %v", name, reason, good)
		}
	}
}

func TestBadURIs(t *testing.T) {
	d := newDirectory(t, "bucket")
	for _, uri := range []string{
		"", "bucket/key", "/etc/passwd", "file:///etc/passwd", "s3://", "s3:///key", "s3://bucket", "s3://bucket/",
		"s3://../key", "s3://b/key", "s3://bucket/" + strings.Repeat("k", MaxKeyBytes+1), "s3://bucket/\xff", "s3://bu\x00ket/key",
	} {
		if _, err := d.Open(t.Context(), uri); code(err) != bedrock.CodeValidation {
			t.Errorf("Open(%.30q): error %v, want a ValidationException", uri, err)
		}
		if _, err := d.Create(t.Context(), uri); code(err) != bedrock.CodeValidation {
			t.Errorf("Create(%.30q): error %v, want a ValidationException", uri, err)
		}
	}
}

func TestWhereObjectsLie(t *testing.T) {
	d := newDirectory(t)
	for uri, want := range map[string]string{
		"s3://bucket":                    "bucket",
		"s3://bucket/":                   "bucket",
		"s3://bucket/results/":           "bucket/results",
		"s3://bucket/a/b.jsonl":          "bucket/a/b.jsonl",
		"s3://bucket/a b+c=ü~.txt":       "bucket/a b+c=ü~.txt",
		"s3://bucket//a":                 "bucket/%-/a",
		"s3://bucket/a//b":               "bucket/a/%-/b",
		"s3://bucket/../../etc/passwd":   "bucket/%2E%2E/%2E%2E/etc/passwd",
		"s3://bucket/./.hidden":          "bucket/%2E/.hidden",
		"s3://bucket/100%":               "bucket/100%25",
		"s3://bucket/a\x00\n":            "bucket/a%00%0A",
		`s3://bucket/C:\x`:               "bucket/C%3A%5Cx",
		"s3://bucket/" + long("k", 450):  "bucket/" + long("k", 200) + "%+/" + long("k", 200) + "%+/" + long("k", 50),
		"s3://bucket/" + long("%", 67):   "bucket/" + long("%25", 66) + "%+/%25",
		"s3://bucket/" + long("k", 200):  "bucket/" + long("k", 200),
		"s3://bucket/%~x":                "bucket/%25~x",
		"s3://bucket/CON":                "bucket/CON",
		"s3://bucket/a/" + long("é", 10): "bucket/a/" + long("é", 10),
	} {
		got, err := d.Path(uri)
		if want := filepath.Join(d.path, want); err != nil || got != want {
			t.Errorf("%.40q lies at\n%s, error %v, want\n%s", uri, got, err, want)
		}
	}
}

func long(s string, n int) string { return strings.Repeat(s, n) }

// Every key has a path of its own, and is read back from it.
func TestKeysRoundTrip(t *testing.T) {
	d := newDirectory(t, "bucket")
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringOfN(rapid.RuneFrom([]rune("ab.%/\x00\\:é~-+ ")), 1, 400, MaxKeyBytes).Draw(t, "key")
		uri := "s3://bucket/" + key
		if err := put(d, uri, key); err != nil {
			if code(err) == bedrock.CodeConflict {
				t.Skip("the key is a folder of an earlier one")
			}
			t.Fatal(err)
		}
		if text, err := get(d, uri); err != nil || text != key {
			t.Fatalf("read %q, error %v", text, err)
		}
		if got := list(t, d, uri); len(got) == 0 || got[0] != uri {
			t.Fatalf("listed %q, want %q first", got, uri)
		}
	})
}

// A listing is what is there, filtered and in byte order.
func TestListOrder(t *testing.T) {
	d := newDirectory(t, "bucket", "other")
	keys := []string{
		"a-b", "a/b", "ab", "a.txt", "a/b.c/d", "a//b", "z/", "Z", "é", "%41", "a/" + long("x", 199), "a/" + long("x", 200),
		"a/" + long("x", 200) + "-y", "a/" + long("x", 200) + "z", "a/" + long("y", 200) + "/z", "a/" + long("y", 200) + "-", "a/" + long("y", 500),
	}
	for _, k := range keys {
		if err := put(d, "s3://bucket/"+k, k); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(d, "s3://other/a", ""); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	for _, prefix := range []string{"", "a", "a/", "a/b", "a/b.c/", "a/xxx", "a/" + long("x", 200), "a/" + long("y", 200) + "/", "b", "z/", "a//"} {
		var want []string
		for _, k := range keys {
			if strings.HasPrefix(k, prefix) {
				want = append(want, "s3://bucket/"+k)
			}
		}
		if got := list(t, d, "s3://bucket/"+prefix); !slices.Equal(got, want) {
			t.Errorf("prefix %.20q lists\n%q\nwant\n%q", prefix, got, want)
		}
	}
	if got, want := len(list(t, d, "s3://bucket")), len(keys); got != want {
		t.Errorf("a bucket without a slash lists %d objects, want %d", got, want)
	}
}

// What people lay down by hand is an object under its own name; names that
// could be taken for others, half-written files and links outside are not.
func TestFilesLaidByHand(t *testing.T) {
	d := newDirectory(t, "bucket")
	outside := filepath.Join(t.TempDir(), "secret")
	inside := filepath.Join(d.path, "bucket")
	for path, text := range map[string]string{
		outside: "secret", filepath.Join(inside, "plain.jsonl"): "1", filepath.Join(inside, "%41"): "not A",
		filepath.Join(inside, "%~half"): "half", filepath.Join(inside, "bad%zz"): "x",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"link": outside, "up": "../..", "dangling": "nowhere", "alias": "plain.jsonl"} {
		if err := os.Symlink(target, filepath.Join(inside, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(inside, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := list(t, d, "s3://bucket"), []string{"s3://bucket/alias", "s3://bucket/plain.jsonl"}; !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	for uri, want := range map[string]string{
		"s3://bucket/plain.jsonl": "", "s3://bucket/alias": "",
		"s3://bucket/link": bedrock.CodeAccessDenied, "s3://bucket/up/x": bedrock.CodeAccessDenied,
		"s3://bucket/dangling": bedrock.CodeResourceNotFound, "s3://bucket/pipe": bedrock.CodeResourceNotFound,
		"s3://bucket/%41": bedrock.CodeResourceNotFound, "s3://bucket/A": bedrock.CodeResourceNotFound,
	} {
		if _, err := get(d, uri); code(err) != want {
			t.Errorf("reading %s: error %v, want code %q", uri, err, want)
		}
	}
	if err := put(d, "s3://bucket/up/up/evil", "x"); code(err) != bedrock.CodeAccessDenied {
		t.Errorf("writing through a link that leads out: error %v, want an AccessDeniedException", err)
	}
	if err := put(d, "s3://bucket/link", "mine"); err != nil {
		t.Errorf("replacing a link: %v", err)
	}
	if text, _ := os.ReadFile(outside); string(text) != "secret" {
		t.Errorf("a file outside now holds %q", text)
	}
}

func TestMissing(t *testing.T) {
	d := newDirectory(t, "bucket")
	if err := put(d, "s3://bucket/a/b", "x"); err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{"s3://bucket/none", "s3://bucket/a", "s3://bucket/a/b/c", "s3://nobucket/a"} {
		_, err := get(d, uri)
		if code(err) != bedrock.CodeResourceNotFound || !strings.Contains(err.Error(), uri[:11]) {
			t.Errorf("reading %s: error %v, want a ResourceNotFoundException that names it", uri, err)
		}
	}
	if err := put(d, "s3://nobucket/a", "x"); code(err) != bedrock.CodeResourceNotFound {
		t.Errorf("writing to no bucket: error %v, want a ResourceNotFoundException", err)
	}
	for _, err := range d.List(t.Context(), "s3://nobucket/a") {
		if code(err) != bedrock.CodeResourceNotFound {
			t.Errorf("listing no bucket: error %v, want a ResourceNotFoundException", err)
		}
	}
	d.CreateBuckets = true
	if err := put(d, "s3://nobucket/a", "x"); err != nil {
		t.Errorf("writing to a bucket that may be made: %v", err)
	}
}

func TestFoldersAndObjectsOfOneName(t *testing.T) {
	d := newDirectory(t, "bucket")
	if err := put(d, "s3://bucket/a/b", "x"); err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{"s3://bucket/a", "s3://bucket/a/b/c"} {
		if err := put(d, uri, "y"); code(err) != bedrock.CodeConflict || !strings.Contains(err.Error(), uri) {
			t.Errorf("writing %s: error %v, want a ConflictException that names it", uri, err)
		}
	}
}

// An object appears whole on Commit, and not at all otherwise.
func TestWholeOrNotAtAll(t *testing.T) {
	d := newDirectory(t, "bucket")
	const uri = "s3://bucket/folder/a"
	if err := put(d, uri, "old"); err != nil {
		t.Fatal(err)
	}
	w, err := d.Create(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	if text, _ := get(d, uri); text != "old" {
		t.Errorf("before Commit the object is %q", text)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if err := w.Commit(); err == nil {
		t.Error("Commit after Close succeeded")
	}
	if _, err := w.Write(nil); err == nil {
		t.Error("Write after Close succeeded")
	}
	if text, _ := get(d, uri); text != "old" {
		t.Errorf("after giving up the object is %q", text)
	}
	files, err := os.ReadDir(filepath.Join(d.path, "bucket", "folder"))
	if err != nil || len(files) != 1 {
		t.Errorf("giving up left %v, error %v", files, err)
	}
}

func TestConcurrentWriters(t *testing.T) {
	d := newDirectory(t, "bucket")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				text := strings.Repeat(fmt.Sprint(i), 10_000)
				if err := put(d, "s3://bucket/x/y/same", text); err != nil {
					t.Error(err)
				}
				if err := put(d, fmt.Sprintf("s3://bucket/d%d/own-%d", j, i), text); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	text, err := get(d, "s3://bucket/x/y/same")
	if err != nil || len(text) != 10_000 || strings.Trim(text, text[:1]) != "" {
		t.Errorf("the object holds %d bytes of more than one writer, error %v", len(text), err)
	}
	if n := len(list(t, d, "s3://bucket/d")); n != 80 {
		t.Errorf("%d objects, want 80", n)
	}
}

// brokenFile fails in one of its methods.
type brokenFile struct {
	write, sync, close error
	closed             bool
}

func (f *brokenFile) Write(p []byte) (int, error) {
	if f.write != nil {
		return len(p) / 2, f.write
	}
	return len(p), nil
}
func (f *brokenFile) Sync() error  { return f.sync }
func (f *brokenFile) Close() error { f.closed = true; return f.close }

// A disk that fails at any point gives a clear error and leaves nothing.
func TestBrokenDisk(t *testing.T) {
	full := &os.PathError{Op: "write", Path: "/secret/path", Err: syscall.ENOSPC}
	cases := map[string]struct {
		file    brokenFile
		publish error
		want    string
	}{
		"full while writing": {brokenFile{write: full}, nil, "the disk is full"},
		"full on sync":       {brokenFile{sync: full}, nil, "the disk is full"},
		"broken on close":    {brokenFile{close: &os.PathError{Err: syscall.EIO}}, nil, "input/output error"},
		"broken on rename":   {brokenFile{}, &os.LinkError{Err: syscall.EROFS}, "read-only file system"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			removed := 0
			w := &Writer{
				uri: "s3://bucket/a", file: &c.file,
				publish: func() error { return c.publish },
				remove:  func() error { removed++; return nil },
			}
			_, err := w.Write([]byte("text"))
			if err == nil {
				err = w.Commit()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "s3://bucket/a") ||
				strings.Contains(err.Error(), "secret") || outcrop.AsError(err).Retryable {
				t.Errorf("error %v, want one for good that says %q and names the URI, not the path", err, c.want)
			}
			if again := w.Commit(); !errors.Is(again, err) {
				t.Errorf("Commit afterwards: %v, want %v", again, err)
			}
			if err := w.Close(); err != nil {
				t.Errorf("Close afterwards: %v", err)
			}
			if removed != 1 || !c.file.closed {
				t.Errorf("the temporary file was removed %d times; closed %v", removed, c.file.closed)
			}
		})
	}
}

func TestEndedContext(t *testing.T) {
	d := newDirectory(t, "bucket")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, opening := d.Open(ctx, "s3://bucket/a")
	_, creating := d.Create(ctx, "s3://bucket/a")
	for _, err := range []error{opening, creating} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want the context's", err)
		}
	}
	for _, err := range d.List(ctx, "s3://bucket") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("listing: error %v, want the context's", err)
		}
	}
}

// No name makes the decoder read something that the encoder does not write.
func FuzzDecodeName(f *testing.F) {
	for _, name := range []string{"a", "%-", "%41", "a%2", "%+", "a%+", "%~x", "%2E", ".", "%25%+", "%2F", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		part, more, ok := decodeName(name)
		if !ok {
			return
		}
		var b strings.Builder
		encodePart(&b, part)
		want := b.String()
		if more {
			want += continued
		}
		if want != name {
			t.Errorf("%q reads as %q, which is written %q", name, part, want)
		}
	})
}

func BenchmarkList(b *testing.B) {
	d, err := NewDirectory(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	if err := d.CreateBucket(b.Context(), "bucket"); err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		if err := os.WriteFile(filepath.Join(d.path, "bucket", fmt.Sprint(i)), nil, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if n := len(list(b, d, "s3://bucket/")); n != 1000 {
			b.Fatal(n)
		}
	}
}

// A folder that goes while a list is read, with its last object, is missed and
// ends nothing.
func TestListBesideDeletes(t *testing.T) {
	d := newDirectory(t, "bucket")
	long := "s3://bucket/" + strings.Repeat("l", 3*maxName)
	for _, uri := range []string{"s3://bucket/a", "s3://bucket/b/c", long, "s3://bucket/z"} {
		if err := put(d, uri, "text"); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for object, err := range d.List(t.Context(), "s3://bucket/") {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, object.URI); len(got) > 1 {
			continue
		}
		for _, uri := range []string{"s3://bucket/b/c", long} {
			if err := d.Delete(t.Context(), uri); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := []string{"s3://bucket/a", "s3://bucket/z"}; !slices.Equal(got, want) {
		t.Errorf("the list has %v, want %v", got, want)
	}
}
