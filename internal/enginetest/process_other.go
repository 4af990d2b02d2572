//go:build !linux

package enginetest

import "os/exec"

const processControl = false

const (
	signalKill = iota
	signalTerminate
	signalFreeze
	signalThaw
)

func own(*exec.Cmd) {}

func stopped(int) bool { return false }

func signalGroup(*exec.Cmd, int) {}
