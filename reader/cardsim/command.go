package cardsim

import "bytes"

// command is one instruction of the card.
type command struct {
	// min and max are the lengths of the parameters once they are deciphered.
	min, max int
	// header is how many parameter bytes travel clear when data is enciphered.
	header int
	// mode is how the command travels in a session, modeMAC if nil. It sees
	// at least header bytes and refuses what access rights forbid.
	mode func(c *Card, p []byte) (mode, status)
	// writes: the header's last three bytes tell how much data follows, so
	// that the command may come in several frames.
	writes bool
	// stores: it changes files, or commits changes of them.
	stores bool
	// halves: a power failure may leave half of its effect; it minds Card.cut.
	halves bool
	// ev2: EV1 cards do not have it.
	ev2 bool
	// long: ISO/IEC 14443-4 chains, and native frames have no limit of their own.
	long bool
	// ev1MAC: under D40 and EV1 the command's MAC travels in modeMAC.
	ev1MAC bool
	run    func(c *Card, p []byte) reply
	// raw commands live outside secure messaging and replace run.
	raw func(c *Card, p []byte) outcome
}

func always(m mode) func(*Card, []byte) (mode, status) {
	return func(*Card, []byte) (mode, status) { return m, statusOK }
}

// commands is the simulated part of the command set, by instruction code.
var commands = map[byte]command{
	0x0A: {raw: (*Card).authenticateD40},
	0x1A: {raw: (*Card).authenticateISO},
	0xAA: {raw: (*Card).authenticateAES},
	0x71: {raw: (*Card).authenticateEV2First, ev2: true},
	0x77: {raw: (*Card).authenticateEV2NonFirst, ev2: true},
	0x5A: {raw: (*Card).selectApplication},

	0x60: {run: (*Card).getVersion},
	0x51: {run: (*Card).getCardUID, mode: always(modeFull)},
	0x3C: {min: 1, max: 1, header: 1, run: (*Card).readSignature, mode: always(modeFull), ev2: true},
	0x6E: {run: (*Card).freeMemory},
	0xFC: {run: (*Card).formatPICC, halves: true},
	0x5C: {min: 1, max: 64, header: 1, run: (*Card).setConfiguration, mode: always(modeFull)},

	0x6A: {run: (*Card).getApplicationIDs},
	0x6D: {run: (*Card).getDFNames},
	0xC9: {max: 64, run: (*Card).refuseDelegation, ev2: true},
	0x69: {max: 2, run: (*Card).refuseDelegation, ev2: true},
	0xCA: {min: 5, max: 32, run: (*Card).createApplication, halves: true},
	0xDA: {min: 3, max: 3, run: (*Card).deleteApplication, halves: true},

	0x45: {run: (*Card).getKeySettings},
	0x54: {min: 1, max: 1, run: (*Card).changeKeySettings, mode: always(modeFull)},
	0x64: {min: 1, max: 2, run: (*Card).getKeyVersion},
	0xC4: {min: 2, max: 64, header: 1, run: (*Card).changeKey, mode: always(modeKey)},
	0xC6: {min: 3, max: 64, header: 2, run: (*Card).changeKeyEV2, mode: always(modeKey), ev2: true},
	0x56: {min: 2, max: 2, run: (*Card).initializeKeySet, ev2: true},
	0x57: {min: 2, max: 2, run: (*Card).finalizeKeySet, ev2: true},
	0x55: {min: 1, max: 1, run: (*Card).rollKeySet, ev2: true},

	0xCD: {min: 7, max: 9, run: (*Card).createStdDataFile, halves: true},
	0xCB: {min: 7, max: 9, run: (*Card).createBackupDataFile, halves: true},
	0xCC: {min: 17, max: 17, run: (*Card).createValueFile, halves: true},
	0xC1: {min: 10, max: 12, run: (*Card).createLinearFile, halves: true},
	0xC0: {min: 10, max: 12, run: (*Card).createCyclicFile, halves: true},
	0xCE: {min: 22, max: 22, header: 5, run: (*Card).createMACFile, mode: always(modeFull), ev2: true, halves: true},
	0xDF: {min: 1, max: 1, run: (*Card).deleteFile, halves: true},
	0x6F: {run: (*Card).getFileIDs},
	0x61: {run: (*Card).getISOFileIDs},
	0xF5: {min: 1, max: 1, run: (*Card).getFileSettings},
	0x5F: {min: 4, max: 32, header: 1, run: (*Card).changeFileSettings, mode: (*Card).modeOfChange},

	0xBD: {min: 7, max: 7, header: 7, run: (*Card).readData, mode: (*Card).modeOfRead},
	0xAD: {min: 7, max: 7, header: 7, run: (*Card).readData, mode: (*Card).modeOfRead, long: true, ev2: true},
	0x3D: {min: 8, max: 7 + maxFile, header: 7, run: (*Card).writeData, mode: (*Card).modeOfWrite, writes: true, stores: true, ev1MAC: true, halves: true},
	0x8D: {min: 8, max: 7 + maxFile, header: 7, run: (*Card).writeData, mode: (*Card).modeOfWrite, writes: true, stores: true, ev1MAC: true, long: true, ev2: true, halves: true},

	0xBB: {min: 7, max: 7, header: 7, run: (*Card).readRecords, mode: (*Card).modeOfReadRecords},
	0xAB: {min: 7, max: 7, header: 7, run: (*Card).readRecords, mode: (*Card).modeOfReadRecords, long: true, ev2: true},
	0x3B: {min: 8, max: 7 + maxFile, header: 7, run: (*Card).writeRecord, mode: (*Card).modeOfWriteRecord, writes: true, stores: true, ev1MAC: true},
	0x8B: {min: 8, max: 7 + maxFile, header: 7, run: (*Card).writeRecord, mode: (*Card).modeOfWriteRecord, writes: true, stores: true, ev1MAC: true, long: true, ev2: true},
	0xDB: {min: 11, max: 10 + maxFile, header: 10, run: (*Card).updateRecord, mode: (*Card).modeOfUpdateRecord, writes: true, stores: true, ev1MAC: true, ev2: true},
	0xBA: {min: 11, max: 10 + maxFile, header: 10, run: (*Card).updateRecord, mode: (*Card).modeOfUpdateRecord, writes: true, stores: true, ev1MAC: true, long: true, ev2: true},
	0xEB: {min: 1, max: 1, run: (*Card).clearRecordFile, stores: true},

	0x6C: {min: 1, max: 1, header: 1, run: (*Card).getValue, mode: (*Card).modeOfGetValue},
	0x0C: {min: 5, max: 5, header: 1, run: (*Card).credit, mode: (*Card).modeOfCredit, stores: true, ev1MAC: true},
	0xDC: {min: 5, max: 5, header: 1, run: (*Card).debit, mode: (*Card).modeOfDebit, stores: true, ev1MAC: true},
	0x1C: {min: 5, max: 5, header: 1, run: (*Card).limitedCredit, mode: (*Card).modeOfLimitedCredit, stores: true, ev1MAC: true},

	0xC8: {min: readerIDLength, max: readerIDLength, run: (*Card).commitReaderID, ev2: true},
	0xC7: {min: 0, max: 1, run: (*Card).commitTransaction, stores: true},
	0xA7: {run: (*Card).abortTransaction},
}

// unsimulated are the other codes of the family: file counters of secure
// dynamic messaging and the proximity check. They answer 911C, and are known
// here so that their native frames are not taken for ISO commands.
var unsimulated = []byte{0xF6, 0xF0, 0xF2, 0xFD}

// isNative tells whether a frame that starts with b is a native one.
func isNative(b byte) bool {
	_, simulated := commands[b]
	return simulated || b == insMore || bytes.IndexByte(unsimulated, b) >= 0
}

// pendingCommand is a command whose parameters are being collected.
type pendingCommand struct {
	command
	message
	want int // length on the wire, -1 when the first frame is all
}

// begin takes the first frame of a command.
func (c *Card) begin(ins byte, data []byte) outcome {
	cmd, known := commands[ins]
	switch {
	case !known || cmd.ev2 && !c.state.Type.isEV2():
		return outcome{status: statusIllegalCommand}
	case !cmd.long && len(data) > c.frameData():
		return outcome{status: statusLength}
	case cmd.raw != nil:
		return cmd.raw(c, data)
	}
	x, st := c.plan(cmd, ins, data)
	if st != statusOK {
		return outcome{status: st}
	}
	return c.collect(x, bytes.Clone(data))
}

// plan fixes how a command travels and how long it is.
func (c *Card) plan(cmd command, ins byte, data []byte) (pendingCommand, status) {
	x := pendingCommand{
		command: cmd, want: -1,
		message: message{ins: ins, mode: modeMAC, header: cmd.header, file: cmd.mode != nil, ev1MAC: cmd.ev1MAC, length: -1},
	}
	if cmd.mode == nil {
		return x, statusOK
	}
	if len(data) < cmd.header {
		return x, statusLength
	}
	m, st := cmd.mode(c, data)
	if st != statusOK {
		return x, st
	}
	x.message.mode = m
	if cmd.writes {
		x.length = uint24(data[cmd.header-3:])
		x.want = cmd.header + x.length
		if c.session != nil {
			x.want = c.session.wireLength(x.message, x.length)
		}
	}
	return x, statusOK
}

// collect asks for more frames until the command is whole. An empty frame
// would never end, and is refused.
func (c *Card) collect(x pendingCommand, wire []byte) outcome {
	if x.want < 0 || len(wire) == x.want {
		return c.execute(x, wire)
	}
	if len(wire) > x.want || x.long || c.refusesChain(x) {
		return outcome{status: statusLength}
	}
	c.next = func(more []byte) outcome {
		if len(more) == 0 || len(more) > c.frameData() {
			return outcome{status: statusLength}
		}
		return c.collect(x, append(wire, more...))
	}
	return outcome{status: statusMore}
}

// refusesChain: SetConfiguration 04 has forbidden protected writes in several
// native frames.
func (c *Card) refusesChain(x pendingCommand) bool {
	return c.state.Messaging&messagingNoChain != 0 && c.session != nil && x.message.mode != modePlain
}

// frameData is the most data bytes of a native frame: see ats.frame.
func (c *Card) frameData() int { return ats(c.state.ATS).frame() }

// longAnswer is the most that an answer without native chaining carries: the
// data field of a short response APDU.
const longAnswer = 256

// execute is the one place where secure messaging is taken off a command and
// put on its answer.
func (c *Card) execute(x pendingCommand, wire []byte) outcome {
	s, params := c.session, wire
	if s != nil {
		var st status
		if params, st = s.open(x.message, wire); st != statusOK {
			return outcome{status: st}
		}
	}
	if len(params) < x.min || len(params) > x.max {
		return outcome{status: statusLength}
	}
	r := c.carryOut(x, params)
	if r.status.isError() {
		return outcome{status: r.status}
	}
	if r.last {
		c.session = nil
		return outcome{}
	}
	return c.reply(x, s, r)
}

// carryOut runs the command itself, unless the card's fault is not to.
func (c *Card) carryOut(x pendingCommand, params []byte) reply {
	if x.stores && c.faults.DropWrites || c.cut && !x.halves {
		return reply{}
	}
	c.ins = x.ins
	return x.run(c, params)
}

// reply seals an answer for the session the command came in, and cuts it.
func (c *Card) reply(x pendingCommand, s session, r reply) outcome {
	data, size := r.data, c.frameData()
	if s != nil {
		data, size = c.spoil(s.seal(x.message, r), len(r.data)), s.frame(x.message, size)
	}
	switch {
	case r.frame > 0:
		size = r.frame
	case x.long:
		size = longAnswer
	}
	if x.long && len(data) > longAnswer {
		return outcome{status: statusLength}
	}
	return c.send(inFrames(data, r.cuts, size), r.status)
}
