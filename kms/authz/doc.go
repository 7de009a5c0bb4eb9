// Package authz decides who may call what: the identity of the caller (its
// SPIFFE ID, package pki) against two tables of data, one of gRPC methods and
// one of card procedures. What has no row is denied to everyone.
package authz
