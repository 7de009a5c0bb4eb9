package registry

import "time"

// Request remembers that a station asked for something under a request id, so
// that asking again, after a lost answer, gives the same answer.
type Request struct {
	// Station is the identity of the client's certificate; each has its own
	// request ids.
	Station, ID string
	// Badge and Conversation are what the request led to.
	Badge, Conversation string
	// Outcome is the answer given, in the caller's own encoding; empty until
	// there is one.
	Outcome string
	Created time.Time
}

// Requests keeps provisioning idempotent (DESIGN.md §8).
type Requests interface {
	// SaveRequest stores a request, or replaces the one with the same station
	// and id as long as that has no outcome. Once it has, ErrExists.
	SaveRequest(r Request) error
	// Request finds one request, or ErrNotFound.
	Request(station, id string) (Request, error)
}
