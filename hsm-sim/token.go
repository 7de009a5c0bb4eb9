package hsmsim

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// tokenBytes and accessorBytes are lengths of randomness; base64url makes 32
// and 24 characters of them.
const (
	tokenBytes    = 24
	accessorBytes = 18
)

// newRootToken draws a service token ("hvs." and 32 characters) and what is
// kept of it.
func newRootToken(random io.Reader, now time.Time) (string, rootToken, error) {
	drawn := make([]byte, tokenBytes+accessorBytes)
	if _, err := io.ReadFull(random, drawn); err != nil {
		return "", rootToken{}, fmt.Errorf("draw a root token: %w", err)
	}
	token := "hvs." + base64.RawURLEncoding.EncodeToString(drawn[:tokenBytes])
	return token, rootToken{
		hash:     sha256.Sum256([]byte(token)),
		accessor: base64.RawURLEncoding.EncodeToString(drawn[tokenBytes:]),
		created:  now,
	}, nil
}

// requestToken reads the token of a request as Vault does: its own header
// first, then a bearer token.
func requestToken(r *http.Request) string {
	if token := r.Header.Get("X-Vault-Token"); token != "" {
		return token
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return ""
}

func (s *Server) checkToken(token string) error {
	if token == "" {
		return errNoToken
	}
	hash := sha256.Sum256([]byte(token))
	root := s.store.read().root
	if subtle.ConstantTimeCompare(hash[:], root.hash[:]) != 1 {
		return errBadToken
	}
	return nil
}

// lookupSelf serves GET auth/token/lookup-self. The token is told to whoever
// just showed it, as Vault does.
func (s *Server) lookupSelf(c *call) (*reply, error) {
	root := s.store.read().root
	return &reply{data: map[string]any{
		"id":               c.token,
		"accessor":         root.accessor,
		"creation_time":    root.created.Unix(),
		"creation_ttl":     0,
		"display_name":     "root",
		"entity_id":        "",
		"expire_time":      nil,
		"explicit_max_ttl": 0,
		"meta":             nil,
		"num_uses":         0,
		"orphan":           true,
		"path":             "auth/token/root",
		"policies":         []string{"root"},
		"ttl":              0,
		"type":             "service",
	}}, nil
}

// renewSelf serves POST auth/token/renew-self. A root token has no end, so
// nothing is renewed: lease_duration 0, renewable false.
func (s *Server) renewSelf(c *call) (*reply, error) {
	if _, err := c.fields.text("increment"); err != nil {
		return nil, err
	}
	return &reply{auth: map[string]any{
		"client_token":    c.token,
		"accessor":        s.store.read().root.accessor,
		"policies":        []string{"root"},
		"token_policies":  []string{"root"},
		"metadata":        nil,
		"lease_duration":  0,
		"renewable":       false,
		"entity_id":       "",
		"token_type":      "service",
		"orphan":          true,
		"mfa_requirement": nil,
		"num_uses":        0,
	}}, nil
}
