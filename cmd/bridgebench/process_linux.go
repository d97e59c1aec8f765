package main

import (
	"os/exec"
	"syscall"
)

// dieWithUs has a program end when bridgebench does, however that ends.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
