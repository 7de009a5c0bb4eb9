package hsmsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// envelope is the body of every logical answer of Vault's HTTP API.
type envelope struct {
	RequestID     string   `json:"request_id"`
	LeaseID       string   `json:"lease_id"`
	Renewable     bool     `json:"renewable"`
	LeaseDuration int      `json:"lease_duration"`
	Data          any      `json:"data"`
	WrapInfo      any      `json:"wrap_info"`
	Warnings      []string `json:"warnings"`
	Auth          any      `json:"auth"`
	MountType     string   `json:"mount_type"`
}

// reply is what a handler gives: data, or auth, or neither (204).
type reply struct {
	data     any
	auth     any
	warnings []string
}

// refusal is an answer with an error status. Its body is {"errors": [...]},
// with an empty list when message is empty.
type refusal struct {
	status  int
	message string
	cause   error
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%d %s", r.status, r.message)
}

func (r *refusal) Unwrap() error { return r.cause }

// badRequest is the 400 of a Vault handler: its text as it is.
func badRequest(format string, args ...any) error {
	return &refusal{status: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}

var (
	errNotFound             = &refusal{status: http.StatusNotFound}
	errMethodNotAllowed     = &refusal{status: http.StatusMethodNotAllowed}
	errSealed               = &refusal{status: http.StatusServiceUnavailable, message: "Vault is sealed"}
	errUnsupportedPath      = &refusal{status: http.StatusNotFound, message: occurred("unsupported path")}
	errUnsupportedOperation = &refusal{status: http.StatusMethodNotAllowed, message: occurred("unsupported operation")}
	errNoToken              = &refusal{status: http.StatusForbidden, message: "permission denied"}
	errBadToken             = &refusal{status: http.StatusForbidden, message: occurred("permission denied", "invalid token")}
)

// occurred words a list of errors as Vault's go-multierror does.
func occurred(messages ...string) string {
	var b strings.Builder
	noun := "errors"
	if len(messages) == 1 {
		noun = "error"
	}
	fmt.Fprintf(&b, "%d %s occurred:", len(messages), noun)
	for _, m := range messages {
		fmt.Fprintf(&b, "\n\t* %s", m)
	}
	b.WriteString("\n\n")
	return b.String()
}

// asRefusal turns any error of a handler into an answer. One that is no
// refusal becomes the 500 that Vault gives for an error without a response of
// its own.
func asRefusal(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	return &refusal{status: http.StatusInternalServerError, message: occurred(err.Error()), cause: err}
}

func writeJSON(w http.ResponseWriter, status int, body any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	err := json.NewEncoder(w).Encode(body)
	if errors.Is(err, http.ErrBodyNotAllowed) {
		// A health code of 204 or 304 was asked for.
		return nil
	}
	return err
}

func writeErrors(w http.ResponseWriter, status int, messages []string) error {
	if messages == nil {
		messages = []string{}
	}
	return writeJSON(w, status, map[string][]string{"errors": messages})
}

func writeRefusal(w http.ResponseWriter, r *refusal) error {
	if r.message == "" {
		return writeErrors(w, r.status, nil)
	}
	return writeErrors(w, r.status, []string{r.message})
}

func writeReply(w http.ResponseWriter, requestID, mountType string, r *reply) error {
	if r == nil || r.data == nil && r.auth == nil && len(r.warnings) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return writeJSON(w, http.StatusOK, envelope{
		RequestID: requestID,
		Data:      r.data,
		Warnings:  r.warnings,
		Auth:      r.auth,
		MountType: mountType,
	})
}
