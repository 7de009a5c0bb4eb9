package e2e_test

import (
	"os"
	"syscall"
	"testing"

	"badgekms/test/pcscd"
)

// field is the readers of a hospital, each a slot of a private pcscd.
type field struct{ daemon *pcscd.Daemon }

// withReaders gives a hospital so many pairs of readers.
func withReaders(t *testing.T, pairs int) *hospital {
	t.Helper()
	quick(t)
	pcscd.Require(t)
	h := newHospital(t)
	h.field = &field{daemon: pcscd.StartT(t, pcscd.Options{Readers: pairs})}
	return h
}

// place is one reader of a test with the card that lies there.
type place struct {
	*hospital
	t      *testing.T // may be a subtest of the hospital's
	reader string
	vpcd   string
	state  string // the card's memory
	card   *process
}

// place is reader n, without a card.
func (h *hospital) place(t *testing.T, n int) *place {
	return &place{
		hospital: h, t: t, reader: h.field.daemon.ReaderNames()[n], vpcd: h.field.daemon.VPCDAddress()[n],
		state: t.TempDir() + "/card.json",
	}
}

// lay puts a card that is fresh from the factory on reader n.
func (h *hospital) lay(t *testing.T, n int, cardType string, flags ...string) *place {
	t.Helper()
	p := h.place(t, n)
	p.put(append(flags, "--type", cardType)...)
	return p
}

// wired puts a wire between the reader and the cards that are laid from now on.
func (p *place) wired(at moment) *wire {
	p.t.Helper()
	w := newWire(p.t, p.vpcd, at)
	p.vpcd = w.address
	return w
}

// put lays the card of the place on its reader, with what its memory holds.
func (p *place) put(args ...string) {
	p.t.Helper()
	p.card = start(p.t, nil, "card-sim", append(args, "--state", p.state, "--vpcd", p.vpcd)...)
	p.card.says("is on the virtual reader")
}

// tear takes the card away in the middle of whatever it does.
func (p *place) tear() {
	p.t.Helper()
	p.card.signal(syscall.SIGKILL)
	p.card.ends(-1)
}

// enroll runs a command of the badge office.
func (p *place) enroll(args ...string) *process {
	p.t.Helper()
	return start(p.t, p.env(p.station), "enroll", append(args, "--json")...)
}

// atReader runs a command of the badge office with the card.
func (p *place) atReader(args ...string) *process {
	p.t.Helper()
	return p.enroll(append(args, "--reader", p.reader, "--wait", limit.String())...)
}

// issued is version 1 of an enrolled badge.
type issued struct {
	Verdict       string `json:"verdict"`
	Reason        string `json:"reason"`
	Badge         string `json:"badge"`
	Holder        string `json:"holder"`
	Number        string `json:"credential_number"`
	Product       string `json:"product"`
	State         string `json:"state"`
	Resumed       bool   `json:"resumed"`
	Presentations int    `json:"presentations"`
	RoundTrips    int    `json:"round_trips"`
}

// addHolder records a person.
func (p *place) addHolder(id string) {
	p.t.Helper()
	p.enroll("holder", "add", "--id", id, "--name", "Titulaire "+id, "--unit", "Urgences").ends(exitDone)
}

// issueFor enrols the card for a new holder.
func (p *place) issueFor(holder string) issued {
	p.t.Helper()
	p.addHolder(holder)
	return result[issued](p.atReader("issue", "--holder", holder).ends(exitDone))
}

// handOver records that a badge was given to its holder.
func (p *place) handOver(badge string) {
	p.t.Helper()
	type record struct {
		ID    string `json:"id"`
		State string `json:"state"`
	}
	got := result[record](p.enroll("hand-over", "--badge", badge, "--evidence", "carte nationale d'identité").ends(exitDone))
	if got.ID != badge || got.State != "active" {
		p.t.Errorf("handed over: %+v", got)
	}
}

// tapped is version 1 of a tap, and of the failure to serve one.
type tapped struct {
	Verdict    string `json:"verdict"`
	Reason     string `json:"reason"`
	Badge      string `json:"badge"`
	Holder     string `json:"holder"`
	Generation int    `json:"generation"`
	RoundTrips int    `json:"round_trips"`
}

// startTap begins one tap of the card at the door.
func (p *place) startTap(flags ...string) *process {
	p.t.Helper()
	return start(p.t, p.env(p.terminal), "terminal", append(flags, "--reader", p.reader, "--once", "--json", "--wait", limit.String())...)
}

// tap taps the card once and checks the exit code and the verdict.
func (p *place) tap(code int, verdict, reason string) tapped {
	p.t.Helper()
	got := result[tapped](p.startTap().ends(code))
	if got.Verdict != verdict || got.Reason != reason {
		p.t.Fatalf("the tap is %s %s, want %s %s", got.Verdict, got.Reason, verdict, reason)
	}
	return got
}

// opens taps the card and checks that the door knows its badge.
func (p *place) opens(badge issued) {
	p.t.Helper()
	got := p.tap(exitDone, "granted", "")
	want := tapped{Verdict: "granted", Badge: badge.Badge, Holder: badge.Holder, Generation: 1, RoundTrips: 2}
	if got != want {
		p.t.Errorf("the tap is %+v, want %+v", got, want)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
