// Package audit is the tamper-evident log of the KMS: the form of a record,
// each writer's chain of hashes, the Merkle tree over all of them (RFC 6962
// §2.1, as golang.org/x/mod/sumdb/tlog has it), signed checkpoints (C2SP
// signed-note and tlog-checkpoint) and the offline check of an export.
//
// # Append, then sequence
//
// A record is appended in the transaction that stores the fact it tells
// (Appender gives the row; the registry inserts it), so no fact is durable
// without its record and no caller waits for the tree. Afterwards one
// Sequencer gives the records their indices, extends the tree and signs a
// checkpoint.
//
// # What is hashed
//
// A record is cut in two, so that retention can forget people and keep proof:
//
//	header  what happened and when, no personal data   kept for ever
//	body    who, which badge, which card               erased after retention
//	salt    32 random bytes, one per record            erased with the body
//	tag     HMAC-SHA256(salt, body)                    kept for ever
//	leaf    SHA-256(00 ‖ header ‖ tag)                 RFC 6962 §2.1 leaf hash
//
// Without its salt a tag tells nothing, not even to who guesses the body.
//
// # Encoding, version 1
//
// Header and body are JSON in the canonical form of RFC 8785: members sorted
// by name, no space, every member present. Times are UTC with microseconds
// ("2026-03-01T08:00:00.000000Z"), hashes standard base64 (RFC 4648 §4), UIDs
// and AIDs upper-case hexadecimal. Decoding refuses any other form of the same
// content, so one record has one encoding.
//
//	header {"action","count","outcome","previous","reason","seq","time","v","writer"}
//	body   {"actor":{"person","station","workload"},"badge","conversation",
//	        "details":{...},"writes":[{"aid","domain","generation","issue","slot","uid"}]}
//
// seq counts the writer's records from 1; previous is the leaf hash of the one
// before, 32 zero bytes for the first.
package audit
