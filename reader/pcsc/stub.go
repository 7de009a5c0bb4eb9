//go:build !windows && !(linux && cgo)

package pcsc

// systemService stands in for a PC/SC service where the program was built
// without one.
type systemService struct{}

func (systemService) establish() (session, error) { return nil, errNotBuilt }
