package pcscd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// maxSocketPath is the longest path that fits sockaddr_un with its final zero
// byte (unix(7)).
const maxSocketPath = 107

// prepare fills the directory: what the daemon sees as /run. Every reader has
// a copy of the driver, because vpcd keeps its slots in static variables that
// two readers of one library would share.
func (d *Daemon) prepare() error {
	if path := d.SocketPath(); len(path) > maxSocketPath {
		return fmt.Errorf("%w: the socket's path %s is longer than %d bytes; set TMPDIR to a shorter directory",
			ErrUnavailable, path, maxSocketPath)
	}
	for _, sub := range []string{"pcscd", "nousb", "reader.conf.d"} {
		if err := os.Mkdir(filepath.Join(d.dir, sub), 0o755); err != nil {
			return err
		}
	}
	driver, err := os.ReadFile(d.install.driver)
	if err != nil {
		return err
	}
	var conf strings.Builder
	for i := range d.options.Readers {
		port, err := freePorts(SlotsPerReader)
		if err != nil {
			return err
		}
		d.ports = append(d.ports, port)
		name := fmt.Sprintf("libifdvpcd-%d.so", i)
		if err := os.WriteFile(filepath.Join(d.dir, name), driver, 0o755); err != nil {
			return err
		}
		conf.WriteString(readerConf(i, port, "/run/"+name))
	}
	return os.WriteFile(filepath.Join(d.dir, "reader.conf.d", "vpcd"), []byte(conf.String()), 0o644)
}

// readerConf is the entry of a reader (reader.conf(5)). Of the device name
// vpcd reads the port; the host name /dev/null makes it listen instead of
// connecting (ifd-vpcd.c, IFDHCreateChannelByName).
func readerConf(i, port int, library string) string {
	return fmt.Sprintf("FRIENDLYNAME \"%s\"\nDEVICENAME /dev/null:0x%04X\nLIBPATH %s\nCHANNELID 0x%04X\n\n",
		friendlyName(i), port, library, port)
}

func friendlyName(i int) string { return fmt.Sprintf("Virtual PCD %c", 'A'+i) }

// namespaceScript runs in the new mount namespace: the directory over /run,
// nothing over the USB drivers, then pcscd in place of the shell, so that the
// child's process id is the daemon's. Exit status 77 tells a refused mount
// from a daemon that failed.
const namespaceScript = `
mount --bind "$1" /run || exit 77
if [ -d /usr/lib/pcsc/drivers ]; then mount --bind /run/nousb /usr/lib/pcsc/drivers || exit 77; fi
shift
exec "$@"`

const mountRefused = 77

// command is the daemon's command line. Its environment holds no LISTEN_FDS:
// a socket that systemd gave to this program is not meant for it.
func (d *Daemon) command() *exec.Cmd {
	level := "--error"
	if d.options.Verbose {
		level = "--debug"
	}
	args := []string{"-c", namespaceScript, "sh", d.dir,
		d.install.daemon, "--foreground", level, "--config", "/run/reader.conf.d"}
	cmd := exec.Command("/bin/sh", append(args, d.install.args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"}
	cmd.Stdout, cmd.Stderr = &d.log, &d.log
	isolate(cmd)
	return cmd
}
