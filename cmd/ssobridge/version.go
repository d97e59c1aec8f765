package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

func printVersion(f *flags) runner {
	f.bare = true
	p := f.p
	return func(ctx context.Context, args []string) error {
		fmt.Fprintf(p.stdout, "ssobridge %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return nil
	}
}

// version is what the Go tool wrote into the binary: a release's tag, else the revision, else "devel".
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}
