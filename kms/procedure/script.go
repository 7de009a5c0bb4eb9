package procedure

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"badgekms/kms/profile"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/desfire"
)

// Script is the opening run of a procedure: commands without secrets that the
// caller sends on its own, before it opens the conversation.
type Script struct {
	// Version is 16 hexadecimal digits over the commands.
	Version  string
	Commands []reader.Command
}

// Script gives the opening run of a procedure; false if there is no such
// procedure.
func (e *Engine) Script(p badgekmsv1.Procedure) (Script, bool) {
	s, ok := e.scripts[p]
	return s, ok
}

func makeScripts(p *profile.Profile) map[badgekmsv1.Procedure]Script {
	online, _ := p.Slot(profile.PurposeOnline)
	look := lookCommands()
	provision := look
	if p.PICC.Policy == profile.PolicyOwn {
		provision = slices.Concat(look, firstHalf(apdu.INSAuthenticateISO, 0))
	}
	return map[badgekmsv1.Procedure]Script{
		badgekmsv1.Procedure_PROCEDURE_AUTHENTICATE: newScript(slices.Concat(
			plain(desfire.SelectApplication(desfire.AID(p.Application.AID))),
			firstHalf(apdu.INSAuthenticateEV2First, online.Number, 0))),
		badgekmsv1.Procedure_PROCEDURE_INSPECT:   newScript(look),
		badgekmsv1.Procedure_PROCEDURE_PROVISION: newScript(provision),
	}
}

func newScript(commands []reader.Command) Script {
	h := sha256.New()
	for _, c := range commands {
		var head [4]byte
		binary.BigEndian.PutUint16(head[:2], uint16(len(c.APDU)))
		binary.BigEndian.PutUint16(head[2:], uint16(c.Expect))
		h.Write(head[:])
		h.Write(c.APDU)
	}
	return Script{Version: hex.EncodeToString(h.Sum(nil)[:8]), Commands: commands}
}

// plain is the run of a command that carries no secret.
func plain(c desfire.Command) []reader.Command {
	x, err := desfire.PlainSession{}.Seal(c)
	if err != nil {
		panic("procedure: internal error: an opening command cannot be sealed: " + err.Error())
	}
	return x.Commands()
}

// firstHalf is the first command of a mutual authentication, which asks the
// card for its challenge: 90 INS 00 00 Lc parameters 00 -> 91AF.
func firstHalf(ins apdu.INS, parameters ...byte) []reader.Command {
	return []reader.Command{{
		APDU:   apdu.Append(nil, ins, parameters),
		Expect: reader.SW(apdu.StatusAdditionalFrame),
	}}
}
