package tmpfs

import "syscall"

// Mount makes a file system of a size, such as 12m, in a folder. It needs the right to mount.
func Mount(dir, size string) (unmount func() error, err error) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		return nil, err
	}
	return func() error { return syscall.Unmount(dir, syscall.MNT_DETACH) }, nil
}
