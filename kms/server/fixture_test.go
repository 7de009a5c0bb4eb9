package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"badgekms/kms/an10922"
	"badgekms/kms/audit"
	"badgekms/kms/authz"
	"badgekms/kms/custody"
	"badgekms/kms/custody/custodytest"
	"badgekms/kms/domain"
	"badgekms/kms/keyring"
	"badgekms/kms/office"
	"badgekms/kms/pki"
	"badgekms/kms/procedure"
	"badgekms/kms/profile"
	"badgekms/kms/registry"
	"badgekms/kms/registry/sqlite"
	"badgekms/kms/server"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/cardsim"
	"badgekms/reader/desfire"
	"badgekms/reader/key"
	"badgekms/reader/relay"
)

const (
	trustDomain = "badges.chu-example.fr"
	systemID    = profile.SystemID("750712184")
	// patience bounds everything that a test waits for.
	patience = time.Minute
)

// world is a KMS behind its gRPC face, on a port of the loopback, with the CA
// of its establishment.
type world struct {
	t       *testing.T
	dir     string
	ca      *pki.CA
	options server.Options
	server  *server.Server
	addr    string
	store   *sqlite.Store
	custody *gatedCustody
	domains *domain.Service
	log     *logBuffer
	conns   map[pki.Role]*grpc.ClientConn
	ahead   atomic.Int64 // what the clock of the KMS is ahead of the real one
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newWorld starts a KMS with the domains of the default profile. change may
// alter the options of its server.
func newWorld(t *testing.T, change ...func(*server.Options)) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), log: &logBuffer{}, conns: map[pki.Role]*grpc.ClientConn{}}
	var err error
	w.ca, err = pki.Init(filepath.Join(w.dir, "ca"), trustDomain, pki.Options{})
	must(t, err)
	appender, err := audit.NewAppender("test", w.now, rand.Reader)
	must(t, err)
	w.store, err = sqlite.Open(t.Context(), filepath.Join(w.dir, "registry.db"), sqlite.Options{Create: true, Audit: appender})
	must(t, err)
	t.Cleanup(func() { must(t, w.store.Close()) })
	w.custody = &gatedCustody{Custody: custodytest.NewInsecureMemory(rand.Reader)}
	w.domains = &domain.Service{
		Store: w.store, Custody: w.custody, Deriver: keyring.NewDeriver(w.custody, nil),
		Profile: profile.Default(), SystemID: systemID,
	}
	for _, name := range w.domains.Profile.Domains() {
		kind := keyring.Authentication
		if name == w.domains.Profile.AdminDomain() {
			kind = keyring.Admin
		}
		_, err := w.domains.Create(t.Context(), audit.Actor{Workload: "test"}, name, kind, false)
		must(t, err)
	}
	w.options = w.defaults()
	for _, c := range change {
		c(&w.options)
	}
	w.server, w.addr = w.serve(w.options)
	return w
}

// now is the clock of the KMS.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func (w *world) defaults() server.Options {
	w.t.Helper()
	methods, err := authz.Methods()
	must(w.t, err)
	procedures, err := authz.Procedures()
	must(w.t, err)
	return server.Options{
		TLS: w.serverTLS(), TrustDomain: trustDomain, Methods: methods, Procedures: procedures,
		Domains: w.domains, Office: &office.Office{Store: w.store, Now: w.now}, Store: w.store, Audit: w.store.AuditTree(),
		Terminal: patience, Station: patience, Silence: patience,
		Log: slog.New(slog.NewTextHandler(w.log, nil)), Now: w.now,
	}
}

// serve starts one more process of the KMS on the same registry: with its own
// engine and its own list of live conversations.
func (w *world) serve(o server.Options) (*server.Server, string) {
	w.t.Helper()
	o.Live = &server.Live{}
	o.Engine = procedure.New(procedure.Options{
		Store: o.Store, Deriver: w.domains.Deriver, Profile: w.domains.Profile, SystemID: systemID, Instance: "test",
		InitialRef:  registry.PublicDefault(),
		Originality: procedure.OriginalityPolicy{Require: true, TestKeys: []desfire.OriginalityKey{simulatorKey(w.t)}},
		Alive:       o.Live.Alive, Now: w.now, Random: rand.Reader, Log: o.Log,
	})
	s := server.New(o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(w.t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	w.t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // nothing is waited for at the end of a test
		must(w.t, s.Stop(ctx))
		must(w.t, <-served)
	})
	return s, l.Addr().String()
}

func simulatorKey(t testing.TB) desfire.OriginalityKey {
	t.Helper()
	point, err := cardsim.OriginalityKey().Bytes()
	must(t, err)
	k, err := desfire.ParseOriginalityKey("simulated card", point)
	must(t, err)
	return k
}

func (w *world) files(role pki.Role, name string) pki.Files {
	w.t.Helper()
	var hosts []string
	if role == pki.KMS {
		hosts = []string{"127.0.0.1"}
	}
	leaf, err := w.ca.Issue(role, name, hosts, 0)
	must(w.t, err)
	cert, key, err := leaf.Replace(w.dir)
	must(w.t, err)
	return pki.Files{Cert: cert, Key: key, CA: filepath.Join(w.dir, "ca", pki.CACertFile), TrustDomain: trustDomain}
}

func (w *world) load(f pki.Files) *pki.Credentials {
	w.t.Helper()
	c, err := pki.Load(f, time.Now, func(err error) { w.t.Error(err) })
	must(w.t, err)
	return c
}

func (w *world) serverTLS() *tls.Config {
	w.t.Helper()
	c, err := pki.ServerTLS(w.load(w.files(pki.KMS, "kms-1")))
	must(w.t, err)
	return c
}

// dial is a connection of a client with a good certificate of that role.
func (w *world) dial(role pki.Role) *grpc.ClientConn {
	w.t.Helper()
	if w.conns[role] == nil {
		w.conns[role] = w.dialAt(w.addr, role)
	}
	return w.conns[role]
}

func (w *world) dialAt(addr string, role pki.Role) *grpc.ClientConn {
	w.t.Helper()
	c, err := pki.ClientTLS(w.load(w.files(role, "one")))
	must(w.t, err)
	return connect(w.t, addr, credentials.NewTLS(c))
}

func connect(t testing.TB, addr string, c credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(c))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// deadline gives the context of one call.
func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// holder records H-1.
func (w *world) holder() {
	w.t.Helper()
	_, err := badgekmsv1.NewHolderServiceClient(w.dial(pki.Operator)).CreateHolder(deadline(w.t),
		&badgekmsv1.CreateHolderRequest{Holder: &badgekmsv1.Holder{Id: "H-1", Name: "Anne Martin"}})
	must(w.t, err)
}

func newCard(t testing.TB) *cardsim.Card {
	t.Helper()
	card, err := cardsim.New(cardsim.Options{Type: cardsim.EV3})
	must(t, err)
	return card
}

// call holds one conversation by the book, through reader/relay's client end.
func (w *world) call(conn grpc.ClientConnInterface, card *cardsim.Card, p badgekmsv1.Procedure) (*badgekmsv1.Outcome, error) {
	w.t.Helper()
	return w.callWith(conn, card, &badgekmsv1.Open{Procedure: p, Uid: card.UID()})
}

func (w *world) callWith(conn grpc.ClientConnInterface, card *cardsim.Card, open *badgekmsv1.Open) (*badgekmsv1.Outcome, error) {
	w.t.Helper()
	card.Reset()
	if open.Procedure == badgekmsv1.Procedure_PROCEDURE_PROVISION && open.Provision == nil {
		open.Provision = &badgekmsv1.ProvisionParameters{HolderId: "H-1"}
	}
	outcome, _, err := relay.NewCaller(badgekmsv1.NewConversationServiceClient(conn)).Call(deadline(w.t), card, open, nil)
	return outcome, err
}

// encode provisions a card, which must succeed.
func (w *world) encode(card *cardsim.Card) *badgekmsv1.Outcome {
	w.t.Helper()
	o, err := w.call(w.dial(pki.Station), card, badgekmsv1.Procedure_PROCEDURE_PROVISION)
	must(w.t, err)
	wantOutcome(w.t, o, badgekmsv1.Reason_REASON_UNSPECIFIED)
	return o
}

// badge makes a card an active badge.
func (w *world) badge() (*cardsim.Card, string) {
	w.t.Helper()
	w.holder()
	card := newCard(w.t)
	o := w.encode(card)
	w.handOver(o.GetBadgeId())
	return card, o.GetBadgeId()
}

func (w *world) handOver(id string) {
	w.t.Helper()
	_, err := badgekmsv1.NewBadgeServiceClient(w.dial(pki.Operator)).HandOverBadge(deadline(w.t),
		&badgekmsv1.HandOverBadgeRequest{Id: id, IdentityEvidence: "carte d'identité"})
	must(w.t, err)
}

// mustWork shows that a card, whatever was done to it, becomes a badge at its
// next honest presentation and opens a door.
func (w *world) mustWork(card *cardsim.Card) {
	w.t.Helper()
	o := w.encode(card)
	w.handOver(o.GetBadgeId())
	tap, err := w.call(w.dial(pki.Terminal), card, badgekmsv1.Procedure_PROCEDURE_AUTHENTICATE)
	must(w.t, err)
	wantOutcome(w.t, tap, badgekmsv1.Reason_REASON_UNSPECIFIED)
}

// logBuffer takes the log of a KMS.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// gatedCustody is a custody whose Derive a test can make do something else.
type gatedCustody struct {
	custody.Custody
	mu     sync.Mutex
	before func(ctx context.Context) error
}

// onDerive sets what happens before each derivation.
func (c *gatedCustody) onDerive(f func(ctx context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = f
}

// Derive implements custody.Custody.
func (c *gatedCustody) Derive(ctx context.Context, m custody.Master, inputs []an10922.M) ([]key.AES128, error) {
	c.mu.Lock()
	before := c.before
	c.mu.Unlock()
	if before != nil {
		if err := before(ctx); err != nil {
			return nil, err
		}
	}
	return c.Custody.Derive(ctx, m, inputs)
}
