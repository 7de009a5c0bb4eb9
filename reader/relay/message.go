package relay

import (
	"fmt"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
)

// The bounds of fields.
const (
	minAPDU   = 4   // CLA INS P1 P2
	minRapdu  = 2   // SW1 SW2
	maxATR    = 33  // ISO/IEC 7816-3 §8.1
	maxText   = 255 // bytes of a name or id
	largestSW = 0xFFFF
)

// encodeRun is run as the message that carries it.
func encodeRun(seq uint32, run []reader.Command) *badgekmsv1.Run {
	commands := make([]*badgekmsv1.Command, len(run))
	for i, c := range run {
		commands[i] = &badgekmsv1.Command{Apdu: c.APDU, ExpectedSw: uint32(c.Expect)}
	}
	return &badgekmsv1.Run{Seq: seq, Commands: commands}
}

// checkRun holds a procedure to the limits.
func checkRun(run []reader.Command, o Options) error {
	if len(run) > o.MaxCommands {
		return fmt.Errorf("relay: internal error: a run of %d commands, at most %d are allowed", len(run), o.MaxCommands)
	}
	total := 0
	for i, c := range run {
		if len(c.APDU) < minAPDU {
			return fmt.Errorf("relay: internal error: command %d of a run has %d bytes", i+1, len(c.APDU))
		}
		total += len(c.APDU)
	}
	if total > o.MaxBytes {
		return fmt.Errorf("relay: internal error: a run of %d bytes, at most %d are allowed", total, o.MaxBytes)
	}
	return nil
}

// decodeCommands reads the commands of a Run or a Script, which the other end
// sent.
func decodeCommands(commands []*badgekmsv1.Command) ([]reader.Command, error) {
	if len(commands) > MaxCommands {
		return nil, invalid("%d commands, at most %d are allowed", len(commands), MaxCommands)
	}
	run := make([]reader.Command, len(commands))
	total := 0
	for i, c := range commands {
		if len(c.GetApdu()) < minAPDU {
			return nil, invalid("command %d has %d bytes, fewer than a command APDU's header", i+1, len(c.GetApdu()))
		}
		if c.GetExpectedSw() > largestSW {
			return nil, invalid("command %d expects %#x, which is no status word", i+1, c.GetExpectedSw())
		}
		total += len(c.GetApdu())
		run[i] = reader.Command{APDU: c.GetApdu(), Expect: reader.SW(c.GetExpectedSw())}
	}
	if total > MaxBytes {
		return nil, invalid("commands of %d bytes, at most %d are allowed", total, MaxBytes)
	}
	return run, nil
}

// readResults applies the stop rule of reader.Card to what the caller sent:
// what follows the first unexpected status word is dropped.
func readResults(run []reader.Command, results *badgekmsv1.Results, o Options) ([]reader.Response, error) {
	raw := results.GetResponses()
	if len(raw) > len(run) {
		return nil, invalid("Results.responses holds %d responses to %d commands", len(raw), len(run))
	}
	if err := checkResponses("Results.responses", raw, o); err != nil {
		return nil, err
	}
	responses := make([]reader.Response, 0, len(raw))
	for i, b := range raw {
		response, err := reader.ParseResponse(b)
		if err != nil {
			return nil, invalid("Results.responses[%d]: %v", i, err)
		}
		responses = append(responses, response)
		if response.SW != run[i].Expect {
			return responses, checkStop(results.GetStop())
		}
	}
	if len(responses) == len(run) {
		return responses, checkStop(results.GetStop())
	}
	return responses, shortRun(results.GetStop(), len(responses), len(run))
}

// checkStop accepts any stop that exists: how a run ended is decided by its
// responses, not by the caller's word.
func checkStop(stop badgekmsv1.Stop) error {
	if _, known := badgekmsv1.Stop_name[int32(stop)]; !known || stop == badgekmsv1.Stop_STOP_UNSPECIFIED {
		return invalid("Results.stop is %d", stop)
	}
	return nil
}

// shortRun tells why a run has fewer responses than commands though each was
// as expected.
func shortRun(stop badgekmsv1.Stop, got, want int) error {
	switch stop {
	case badgekmsv1.Stop_STOP_REMOVED:
		return reader.ErrRemoved
	case badgekmsv1.Stop_STOP_READER:
		return reader.ErrReader
	}
	return invalid("Results.stop is %v after %d expected responses to %d commands", stop, got, want)
}

// checkResponses limits the responses in a message and refuses what is no
// response APDU.
func checkResponses(field string, raw [][]byte, o Options) error {
	if len(raw) > o.MaxCommands {
		return invalid("%s holds %d responses, at most %d are allowed", field, len(raw), o.MaxCommands)
	}
	total := 0
	for i, b := range raw {
		if len(b) < minRapdu {
			return invalid("%s[%d] has %d bytes, fewer than a status word", field, i, len(b))
		}
		total += len(b)
	}
	if total > o.MaxBytes {
		return invalid("%s holds %d bytes, at most %d are allowed", field, total, o.MaxBytes)
	}
	return nil
}

// checkOpen checks the form of the caller's first message.
func checkOpen(open *badgekmsv1.Open, o Options) error {
	if open.GetRelayVersion() != Version {
		return invalid("Open.relay_version is %d; this KMS speaks version %d", open.GetRelayVersion(), Version)
	}
	for _, text := range []struct{ field, value string }{
		{"reader", open.GetReader()},
		{"request_id", open.GetRequestId()},
		{"script_version", open.GetScriptVersion()},
		{"provision.holder_id", open.GetProvision().GetHolderId()},
	} {
		if len(text.value) > maxText {
			return invalid("Open.%s has %d bytes, at most %d are allowed", text.field, len(text.value), maxText)
		}
	}
	if n := len(open.GetAtr()); n > maxATR {
		return invalid("Open.atr has %d bytes, at most %d are allowed", n, maxATR)
	}
	switch n := len(open.GetUid()); n {
	case 0, 4, 7, 10:
	default:
		return invalid("Open.uid has %d bytes, want 4, 7 or 10, or none where it is not known", n)
	}
	return checkResponses("Open.script_responses", open.GetScriptResponses(), o)
}
