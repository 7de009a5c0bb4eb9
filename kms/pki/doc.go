// Package pki is the small certificate authority of an establishment that has
// none, and the mutual TLS of the KMS: X.509 (RFC 5280) certificates whose
// identity is a SPIFFE ID (SPIFFE X509-SVID), used with TLS 1.3 (RFC 8446).
//
// One root signs leaf certificates and nothing else. Its name constraint keeps
// even a stolen root from naming another trust domain. An establishment with a
// PKI of its own issues certificates of the same form and uses only the part
// that loads and checks them.
//
// A leaf's only identity is its URI name
//
//	spiffe://<trust-domain>/<role>/<name>
//
// Common names are for people. The server's certificate carries DNS or IP
// names besides, for clients that check them as for any TLS server (ClientTLS
// does; the programs at the readers go by the identity alone).
package pki
