// Package cardsim simulates the card's side of NXP MIFARE DESFire EV1, EV2, EV2
// XL and EV3, for tests, the demo and development without hardware.
//
// It is written from the published protocol facts of the DESFire family: the
// command set and status words; Authenticate (D40), AuthenticateISO and
// AuthenticateAES (EV1), AuthenticateEV2First and NonFirst with their secure
// messaging (NXP data sheet NT4H2421Gx §9, application notes AN12343 and
// AN12196, recorded sessions of EV1 cards); ISO/IEC 7816-4 framing and SELECT,
// and the reader-level GET DATA of PC/SC part 3. It shares no code with
// reader/desfire and computes CMAC with another library, so that an exchange
// between the two is two implementations agreeing.
//
// A Card keeps what a real card keeps in EEPROM in a state file, if it is
// given one; what a real card keeps in RAM is lost by Reset. A Desk is a set of
// simulated readers around cards. Cards can be made to lose power before, in or
// after a chosen command (Card.TearAt) and to misbehave (Card.Misbehave).
//
// Not simulated, and answered 911C: the proximity check and the file counters
// of secure dynamic messaging; options and parameters that are not simulated
// answer 919E. Delegated applications answer 919D, as no DAM key is enabled.
// ISO commands but SELECT answer 6D00.
//
// Where the published sources are silent the choice stands beside the code: the
// NV memory that an application or a file takes (memory.go), the number of 91AD
// answers after repeated authentication failures (key.go), refusals of key set
// commands (keyset.go), the order of the bytes of SetConfiguration 04
// (config.go), what a transaction MAC covers (tmac.go), which commands a tear
// leaves half done (tear.go), and the key of the originality signature
// (originality.go).
package cardsim
