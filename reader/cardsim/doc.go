// Package cardsim simulates the card's side of NXP MIFARE DESFire EV2 and EV3
// (8 KB), for tests, the demo and development without hardware.
//
// It is written from the published protocol facts of the DESFire family: the
// command set and status words, AuthenticateISO and AuthenticateAES with the
// EV1 secure messaging, AuthenticateEV2First and NonFirst with the EV2 secure
// messaging (NXP data sheet NT4H2421Gx §9, application notes AN12343 and
// AN12196), ISO/IEC 7816-4 framing, and the reader-level GET DATA of PC/SC
// part 3. It shares no code with reader/desfire and computes CMAC with another
// library, so that an exchange between the two is two implementations agreeing.
//
// A Card keeps what a real card keeps in EEPROM in a state file, if it is
// given one; what a real card keeps in RAM is lost by Reset. A Desk is a set of
// simulated readers around cards. Both can be made to fail at a chosen command
// (Card.TearAt).
//
// Commands of the family that are not simulated (value and record files, key
// sets, transaction MAC, ISO files, proximity check, delegated applications)
// answer 911C; options of simulated commands that are not answer 919E.
// Deviations from real cards that the published sources leave open: the NV
// memory that an application or a file takes (memory.go), the number of 91AD
// answers after repeated authentication failures (key.go), and the key of the
// originality signature (originality.go).
package cardsim
