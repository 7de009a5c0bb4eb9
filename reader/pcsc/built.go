package pcsc

import (
	"fmt"
	"runtime"

	"badgekms/reader"
)

// errNotBuilt is what every call of a build without PC/SC ends in. Unlike a
// service that is down it does not pass, so Watch returns it.
var errNotBuilt = fmt.Errorf("%w: %s", reader.ErrUnavailable, missing(runtime.GOOS))

// missing says what a build without PC/SC lacks, and how to build it.
func missing(goos string) string {
	if goos == "linux" {
		return "this program was built without PC/SC;" +
			" install gcc, pkg-config and libpcsclite-dev, and build it with CGO_ENABLED=1"
	}
	return "this program has no PC/SC support on " + goos + "; use it on Linux or Windows"
}
