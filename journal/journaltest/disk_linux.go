package journaltest

import (
	"fmt"
	"syscall"
	"testing"
)

// SmallDisk makes a directory a file system of its own, of so many megabytes,
// until the test ends. grow makes it 64 MB. It takes root; the test is skipped
// without.
func SmallDisk(t *testing.T, dir string, megabytes int) (grow func()) {
	t.Helper()
	if err := mount(dir, 0, megabytes); err != nil {
		t.Skipf("no file system of its own: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return func() {
		t.Helper()
		if err := mount(dir, syscall.MS_REMOUNT, 64); err != nil {
			t.Fatal(err)
		}
	}
}

func mount(dir string, flags uintptr, megabytes int) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", flags, fmt.Sprintf("size=%dm", megabytes))
}
