package registry

import "badgekms/kms/audit"

// AuditAppender tells facts to the audit log.
type AuditAppender interface {
	// AppendAudit stores a record in this transaction, as the next of the
	// writer that the store was opened for. The record is kept if and only if
	// the fact is.
	AppendAudit(r audit.Record) error
}

// AuditTree is the log that the records end up in: what the sequencer works
// on, and what listing and export read. Each call is a transaction of its own.
type AuditTree interface {
	audit.Storage
	audit.Reader
}
