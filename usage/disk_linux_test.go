package usage_test

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
)

// TestADiskThatFills: what a full disk took of a write counts once, and the rest
// when there is room. It takes a file system of its own, and so root.
func TestADiskThatFills(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("no file system of its own: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	b := openBooks(t, filepath.Join(dir, "usage"), epoch, nil)
	const tenants = 300
	for i := range tenants {
		b.call(fmt.Sprintf("tenant-%d", i), "m", 1)
	}
	for range 2 {
		if b.Flush() == nil {
			t.Fatal("there was room for all: the test tests nothing")
		}
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=1m"); err != nil {
		t.Fatal(err)
	}
	rows := b.rows(t, epoch, epoch)
	for _, row := range rows {
		if row.Requests != 1 {
			t.Errorf("%s has %d requests, want 1", row.Tenant, row.Requests)
		}
	}
	if len(rows) != tenants {
		t.Errorf("%d tenants have rows, want %d", len(rows), tenants)
	}
}
