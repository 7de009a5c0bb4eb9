package pcscd

import (
	"os"
	"os/exec"
	"syscall"
)

func isolationSupported() error { return nil }

// isolate gives cmd a mount namespace of its own, in which nothing spreads
// back to the system (mount_namespaces(7)). Without root it first enters a
// user namespace, where the caller may mount (user_namespaces(7)). The child
// dies with the thread that starts it.
func isolate(cmd *exec.Cmd) {
	attr := &syscall.SysProcAttr{
		Unshareflags: syscall.CLONE_NEWNS,
		Pdeathsig:    syscall.SIGKILL,
	}
	if uid := os.Geteuid(); uid != 0 {
		attr.Cloneflags = syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	cmd.SysProcAttr = attr
}

// isolationHint says how to get what isolate needs when the kernel refuses.
func isolationHint() string {
	if os.Geteuid() == 0 {
		return "root in this container may not mount (needs CAP_SYS_ADMIN); run outside it or with that capability"
	}
	return "this user may not create a namespace; run the same command with sudo, or allow user namespaces" +
		" (sysctl kernel.unprivileged_userns_clone=1; on Ubuntu also kernel.apparmor_restrict_unprivileged_userns=0)"
}
