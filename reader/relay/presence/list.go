package presence

import (
	"context"
	"errors"
	"slices"
	"time"

	"badgekms/reader"
)

// listWindow is how long a watcher that cannot list is listened to.
const listWindow = 300 * time.Millisecond

// Lister is a set of readers that can tell at once which are attached, as
// reader/pcsc can.
type Lister interface {
	List(ctx context.Context) ([]string, error)
}

// List names the attached readers, in order. It fails with
// reader.ErrUnavailable where readers is a Lister without a PC/SC service; a
// watcher that cannot list is listened to for a moment instead.
func List(ctx context.Context, readers reader.Watcher) ([]string, error) {
	var names []string
	if lister, can := readers.(Lister); can {
		listed, err := lister.List(ctx)
		if err != nil {
			return nil, err
		}
		names = slices.Clone(listed)
	} else {
		window, cancel := context.WithTimeout(ctx, listWindow)
		defer cancel()
		err := readers.Watch(window, func(e reader.Event) {
			switch e.Kind {
			case reader.ReaderAttached:
				names = append(names, e.Reader)
			case reader.ReaderDetached:
				names = slices.DeleteFunc(names, func(n string) bool { return n == e.Reader })
			}
		})
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return nil, err
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
