package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"

	"google.golang.org/grpc/credentials"

	"badgekms/kms/pki"
	"badgekms/kms/reason"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// handshakes tells who was refused before any call, by TLS. The caller often
// learns no more than that the connection broke (with TLS 1.3 the alert may be
// lost with it), so what is wrong with a certificate is told here: in the log
// and, as every refusal, in the audit log.
type handshakes struct {
	credentials.TransportCredentials
	refusals *refusals
	log      *slog.Logger
}

// ServerHandshake implements credentials.TransportCredentials.
func (h *handshakes) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ServerHandshake(raw)
	switch {
	case err == nil:
	case isSilent(err):
		h.log.Debug("a connection ended before its TLS handshake", "peer", raw.RemoteAddr().String(), "error", err)
	default:
		h.refuse(raw.RemoteAddr(), err)
	}
	return conn, info, err
}

// isSilent tells a peer that said nothing, such as a probe of the port, from
// one that was refused.
func isSilent(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed)
}

func (h *handshakes) refuse(peer net.Addr, cause error) {
	host, _, err := net.SplitHostPort(peer.String())
	if err != nil {
		host = peer.String()
	}
	refused := reason.Wrap(cause, badgekmsv1.Reason_REASON_CERTIFICATE_INVALID, "TLS handshake with %s", host)
	h.log.Warn("TLS handshake refused", "peer", peer.String(), "error", cause)
	err = h.refusals.refuse(context.Background(), pki.Identity{}, host, "peer", refused)
	if err != nil && !errors.Is(err, cause) {
		h.log.Error("a refused handshake could not be recorded", "error", err)
	}
}

// Clone implements credentials.TransportCredentials.
func (h *handshakes) Clone() credentials.TransportCredentials {
	return &handshakes{h.TransportCredentials.Clone(), h.refusals, h.log}
}
