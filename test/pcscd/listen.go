package pcscd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// freePorts looks for a port that is free together with the ones after it,
// n in all, and returns the first. They may be taken again before vpcd opens
// them; the caller finds out by listens and tries again.
func freePorts(n int) (int, error) {
	const attempts = 50
	for range attempts {
		first, err := probePorts(n)
		if err != nil {
			return 0, err
		}
		if first != 0 {
			return first, nil
		}
	}
	return 0, errors.New("no free TCP ports in a row on this machine")
}

// probePorts opens any free port and its n-1 successors, and closes them all.
// It returns 0 if one of the successors is taken.
func probePorts(n int) (int, error) {
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	first := l.Addr().(*net.TCPAddr).Port
	for i := 1; i < n; i++ {
		next, err := net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", first+i))
		if err != nil {
			return 0, nil
		}
		defer next.Close()
	}
	return first, nil
}

// listens tells whether process pid is the one that listens on the TCP port.
// It looks from outside (proc(5): /proc/net/tcp, /proc/PID/fd), because vpcd
// takes every connection for a card.
func listens(pid, port int) (bool, error) {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return false, err
	}
	inode := listenerInode(table, port)
	if inode == "" {
		return false, nil
	}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		// A descriptor that was closed since ReadDir is of no interest.
		if target, err := os.Readlink(dir + "/" + e.Name()); err == nil && target == "socket:["+inode+"]" {
			return true, nil
		}
	}
	return false, nil
}

// listenerInode finds the socket that listens on port in a table of
// /proc/net/tcp: the second column is address:port in hex, the fourth the
// state (0A is LISTEN), the tenth the inode. It returns "" for none.
func listenerInode(table []byte, port int) string {
	const local, state, inode = 1, 3, 9
	suffix := ":" + fmt.Sprintf("%04X", port)
	for lines := bufio.NewScanner(bytes.NewReader(table)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) <= inode || f[state] != "0A" || !strings.HasSuffix(f[local], suffix) {
			continue
		}
		if _, err := strconv.ParseUint(f[inode], 10, 64); err == nil {
			return f[inode]
		}
	}
	return ""
}
