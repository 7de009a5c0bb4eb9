package transitcmac

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/vault/api"

	"badgekms/kms/custody"
)

// cureEnterprise is what to do where Vault has no CMAC keys.
const cureEnterprise = "CMAC keys need Vault Enterprise (1.17.2 or later); Vault Community and OpenBao have none: use custody mode transit-envelope there, or pkcs11 with an HSM"

// explain turns an error of the client into one of package custody. Of Vault's
// answer only its error strings are shown, never a raw body.
func (c *Custody) explain(ctx, limited context.Context, path string, err error) error {
	refused := new(api.ResponseError)
	switch {
	case errors.As(err, &refused):
		return c.refusal(path, refused)
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %s: given up: %w", custody.ErrUnavailable, path, ctx.Err())
	case limited.Err() != nil:
		return fmt.Errorf("%w: %s: Vault did not answer within %v: %w", custody.ErrUnavailable, path, c.opts.Timeout, limited.Err())
	case isNotJSON(err):
		return fmt.Errorf("%w: %s: the answer is not Vault's; check that VAULT_ADDR names Vault and no proxy's error page", custody.ErrWrongAnswer, path)
	}
	return fmt.Errorf("%w: %s: Vault cannot be reached; check VAULT_ADDR, its certificate and the network: %w", custody.ErrUnavailable, path, err)
}

func isNotJSON(err error) bool {
	syntax, kind := new(json.SyntaxError), new(json.UnmarshalTypeError)
	return errors.As(err, &syntax) || errors.As(err, &kind)
}

// refusal maps an HTTP error by its status and, where Vault uses one status
// for many things, by its words.
func (c *Custody) refusal(path string, refused *api.ResponseError) error {
	words := words(refused)
	about := func(kind error, cure string) error {
		return fmt.Errorf("%w: %s: Vault answered %d %s; %s", kind, path, refused.StatusCode, words, cure)
	}
	switch refused.StatusCode {
	case http.StatusForbidden:
		return about(custody.ErrDenied, "check that the token is valid and that its policy allows this path (Vault also answers so for a key that is not there)")
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		if strings.Contains(words, "no handler for route") {
			return about(custody.ErrUnsupported, fmt.Sprintf("there is no secrets engine at %q: enable Transit there, or correct the mount", c.opts.Mount))
		}
		return about(custody.ErrUnsupported, cureEnterprise)
	case http.StatusBadRequest:
		cure, kind := badRequest(words)
		return about(kind, cure)
	case http.StatusServiceUnavailable:
		return about(custody.ErrUnavailable, "if it is sealed, unseal it; else wait for its active node")
	case http.StatusTooManyRequests:
		return about(custody.ErrUnavailable, "raise the rate limit quota of this mount")
	}
	return about(custody.ErrUnavailable, "look into Vault's own log")
}

// badRequest sorts the answers of status 400 by Vault's words.
func badRequest(words string) (cure string, kind error) {
	lower := strings.ToLower(words)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(lower, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("enterprise", "unknown key type"):
		return cureEnterprise, custody.ErrUnsupported
	case has("too old", "too new", "less than the minimum", "does not exist", "no such key version", "disallowed by policy"):
		return "that version was never made, or min_decryption_version or min_encryption_version of the key excludes it", custody.ErrUnknownMaster
	case has("not found", "no existing key"):
		return "restore the key in Vault, or correct the key prefix", custody.ErrUnknownMaster
	case has("not support", "unsupported"):
		return "the key has to be of type " + keyType, custody.ErrUnsupported
	}
	return "this is a fault of BadgeKMS or an unknown release of Vault; report it", custody.ErrWrongAnswer
}

// words joins Vault's error strings on one line, cut to a length fit for a log.
func words(refused *api.ResponseError) string {
	const most = 200
	if refused.RawError {
		return "(a body that is not Vault's)"
	}
	text := strings.Join(strings.Fields(strings.Join(refused.Errors, "; ")), " ")
	if len(text) > most {
		text = text[:most] + "..."
	}
	if text == "" {
		return "(no reason given)"
	}
	return fmt.Sprintf("%q", text)
}
