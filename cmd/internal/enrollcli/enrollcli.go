// Package enrollcli is the command tree of cmd/enroll, the badge office's
// command line: it parses (github.com/spf13/cobra), runs the flows of package
// enroll, and prints. It can be built from Go, so that the demo and tests run
// the very code that people run.
package enrollcli

import (
	"context"

	"github.com/spf13/cobra"

	"badgekms/cmd/internal/client"
	"badgekms/enroll"
	"badgekms/enroll/text"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// app is one run of the program.
type app struct {
	*client.Program
}

// New builds the command tree; Run runs it.
func New(o client.Options) *client.Program {
	p := client.New(o, func(l text.Language) *cobra.Command {
		return &cobra.Command{Use: "enroll", Short: l.Say(text.EnrollShort), Long: l.Say(text.EnrollLong)}
	})
	a := &app{Program: p}
	p.Group(p.Root, a.issue(), a.inspect(), a.handOver(), a.holder(), a.badge(), a.readers())
	return p
}

// records runs do with the badge office's records.
func (a *app) records(do func(enroll.Office) error) error {
	conn, err := a.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(office(conn))
}

func office(conn client.Connection) enroll.Office {
	return enroll.Office{
		Holders: badgekmsv1.NewHolderServiceClient(conn),
		Badges:  badgekmsv1.NewBadgeServiceClient(conn),
	}
}

// atStation runs do with a station at the reader that the flags name.
func (a *app) atStation(ctx context.Context, f client.ReaderFlags, do func(*enroll.Station, client.Connection) error) error {
	conn, err := a.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	readers, name, err := a.Reader(ctx, f)
	if err != nil {
		return err
	}
	return do(enroll.NewStation(enroll.Config{
		Readers:    readers,
		ReaderName: name,
		Client:     badgekmsv1.NewConversationServiceClient(conn),
		Notify:     func(e enroll.Event) { a.narrate(name, e) },
		Wait:       f.Wait,
	}), conn)
}

// narrate tells people at the station what happens and what to do.
func (a *app) narrate(reader string, e enroll.Event) {
	switch e.Kind {
	case enroll.WaitingForCard:
		a.Say(text.WaitCard, reader)
	case enroll.CardSeen:
		a.Say(text.CardSeen)
	case enroll.Inspected:
		a.Print(a.Options.Stderr, a.inspectionLines(e.Inspection))
	case enroll.Step:
		a.Say(text.StepBegun, e.Progress.GetStep(), e.Progress.GetOf(), a.Language.Stage(e.Progress.GetStage()))
	case enroll.PutBack:
		a.Tell(a.Language.Reason(e.Reason).Text)
		a.Say(text.PutBack)
	case enroll.OtherCard:
		a.Say(text.OtherCard)
	case enroll.Busy:
		a.Say(text.StillBusy)
	}
}
