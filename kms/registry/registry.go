// Package registry is what the KMS remembers about people and cards: badges,
// holders and the dated assignments between them, the key each DESFire slot of
// each badge holds, and the intents that make a change of keys safe against a
// torn card or a killed process. The key domains and the audit records live in
// the same store, so that a fact and the record that tells it are one
// transaction.
//
// The rules are those of DESIGN.md: the words of §2, the issue numbers of §5
// (which keep AN10922 daughter keys from being given twice), the intents and
// the evidence of §7, the append step of §9. The records that are kept apart
// (badge, holder, assignment) and the few facts kept of each follow ANSSI's
// guide on access control (PA-072, R31, R34, R77).
//
// This package holds the types, the rules that need no storage, and the
// interfaces. A backend (registry/sqlite) holds SQL; registry/registrytest is
// the contract every backend passes. No key byte is ever given to a registry.
package registry

import "context"

// Store keeps the registry.
type Store interface {
	// Update runs change in a transaction and returns when the result is
	// durable: after nil, the change survives loss of power. Any error means
	// that nothing of the change was kept. An error of change comes back as it
	// is; a failure of the storage itself comes back as ErrStorage, and the
	// store stays usable once its cause is gone.
	//
	// Updates are serial, and those that arrive together share one flush. So
	// change must be short: it talks to tx and to nothing else (no card, no
	// network, no other Update or View). It runs at most once, on the caller's
	// goroutine. ctx counts while the Update waits for its turn; a change that
	// has begun runs to its end, so that its outcome is never in doubt.
	Update(ctx context.Context, change func(tx Tx) error) error

	// View runs look on one consistent snapshot of what is durable, beside
	// any Update. What look tries to write is refused.
	View(ctx context.Context, look func(tx Tx) error) error

	// AuditTree gives access to the log beside the facts (DESIGN.md §9).
	AuditTree() AuditTree

	// Close waits for the Updates under way and releases the storage. Later
	// calls of Update and View return ErrClosed. Close may be called again.
	Close() error
}

// Tx is what can be read and written within one transaction. It is valid until
// the function it was given to returns, and on that function's goroutine only.
//
// Consumers take the small interface they need; Tx is their sum.
type Tx interface {
	Holders
	Badges
	Assignments
	CardSlots
	IssueNumbers
	Procedures
	Intents
	Trials
	Requests
	Keyring
	AuditAppender
}

// MaxPageSize is the most that one page of a list holds, and what a page holds
// when it does not say.
const MaxPageSize = 500

// Page asks for a part of a list: up to Size entries (0 means MaxPageSize, and
// more is cut to it) after those that Token, the Next of the page before,
// stands for. An empty Token begins the list.
type Page struct {
	Token string
	Size  int
}

// Limit is the number of entries the page asks for.
func (p Page) Limit() int {
	if p.Size <= 0 || p.Size > MaxPageSize {
		return MaxPageSize
	}
	return p.Size
}

// List is a part of a list, in the order of its identifiers. Next is the token
// of the part that follows; it is empty on the last one.
type List[T any] struct {
	Items []T
	Next  string
}
