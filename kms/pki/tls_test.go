package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// talk connects client and server over loopback and lets the server greet the
// client. It gives what the server learned of the client, and both errors.
func talk(t *testing.T, server, client *tls.Config, host string) (state tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		raw, err := l.Accept()
		if err != nil {
			serverErr = err
			return
		}
		conn := tls.Server(raw, server)
		defer conn.Close()
		if serverErr = conn.Handshake(); serverErr == nil {
			state = conn.ConnectionState()
			_, serverErr = conn.Write([]byte("hello"))
		}
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client = client.Clone()
	client.ServerName = host
	conn := tls.Client(raw, client)
	// With TLS 1.3 a client learns that it was refused when it reads.
	_, clientErr = io.ReadFull(conn, make([]byte, 5))
	conn.Close()
	<-done
	return state, serverErr, clientErr
}

// unexpected reports files that a test did not change.
func unexpected(t *testing.T) func(error) {
	return func(err error) { t.Errorf("files were read again: %v", err) }
}

func configs(t *testing.T, c *clock, server, client Files) (*tls.Config, *tls.Config) {
	t.Helper()
	s, err := Load(server, c.now, unexpected(t))
	if err != nil {
		t.Fatal(err)
	}
	serverTLS, err := ServerTLS(s)
	if err != nil {
		t.Fatal(err)
	}
	return serverTLS, clientConfig(t, c, client)
}

func clientConfig(t *testing.T, c *clock, files Files) *tls.Config {
	t.Helper()
	creds, err := Load(files, c.now, unexpected(t))
	if err != nil {
		t.Fatal(err)
	}
	config, err := ClientTLS(creds)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestMutualTLS(t *testing.T) {
	c := newClock()
	ca, dir := newCA(t, c)
	server := peer(t, ca, dir, KMS, "kms-1")
	for _, role := range Roles()[:6] {
		for _, host := range []string{"kms.chu-example.fr", "127.0.0.1"} {
			s, cl := configs(t, c, server, peer(t, ca, dir, role, "one"))
			state, serverErr, clientErr := talk(t, s, cl, host)
			if serverErr != nil || clientErr != nil {
				t.Fatalf("%s: server %v, client %v", role, serverErr, clientErr)
			}
			if state.Version != tls.VersionTLS13 || state.NegotiatedProtocol != "h2" {
				t.Errorf("version %x, protocol %q", state.Version, state.NegotiatedProtocol)
			}
			if id, err := PeerIdentity(state, domain); err != nil || id != (Identity{domain, role, "one"}) {
				t.Errorf("the server sees %v, %v", id, err)
			}
			if _, err := PeerIdentity(state, "other.example"); !errors.Is(err, ErrIdentity) {
				t.Errorf("the identity passes in another trust domain: %v", err)
			}
		}
	}
}

// What our own client would not do: the server must refuse it by itself.
func TestServerRefuses(t *testing.T) {
	c := newClock()
	ca, dir := newCA(t, c)
	other, otherDir := newCA(t, c)
	server, good := configs(t, c, peer(t, ca, dir, KMS, "kms-1"), peer(t, ca, dir, Terminal, "door"))
	raw := func(files Files) *tls.Config {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			t.Fatal(err)
		}
		config := good.Clone()
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		return config
	}
	forged := func(change func(*x509.Certificate)) *tls.Config { return raw(forge(t, ca, dir, change)) }
	none := good.Clone()
	none.GetClientCertificate = nil
	old := good.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	for name, client := range map[string]*tls.Config{
		"no certificate": none,
		"TLS 1.2":        old,
		"another CA":     raw(peer(t, other, otherDir, Terminal, "door")),
		"another trust domain": forged(func(c *x509.Certificate) {
			c.URIs[0].Host = "other.example"
		}),
		"sub-domain of ours": forged(func(c *x509.Certificate) { c.URIs[0].Host = "x." + domain }),
		"unknown role":       forged(func(c *x509.Certificate) { c.URIs[0].Path = "/admin/a" }),
		"the server's role":  forged(func(c *x509.Certificate) { c.URIs[0].Path = "/kms/kms-1" }),
		"no identity":        forged(func(c *x509.Certificate) { c.URIs = nil }),
		"two identities":     forged(func(c *x509.Certificate) { c.URIs = append(c.URIs, mustURL(t, "spiffe://"+domain+"/officer/a")) }),
		"expired":            forged(func(x *x509.Certificate) { x.NotAfter = c.t.Add(-time.Second) }),
		"not yet valid":      forged(func(x *x509.Certificate) { x.NotBefore = c.t.Add(time.Hour) }),
		"made for servers": forged(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			_, serverErr, clientErr := talk(t, server, client, "127.0.0.1")
			if serverErr == nil || clientErr == nil {
				t.Errorf("let in: server %v, client %v", serverErr, clientErr)
			}
		})
	}
	if _, serverErr, clientErr := talk(t, server, good, "127.0.0.1"); serverErr != nil || clientErr != nil {
		t.Errorf("the good client after all that: %v, %v", serverErr, clientErr)
	}
}

func TestClientRefuses(t *testing.T) {
	c := newClock()
	ca, dir := newCA(t, c)
	other, otherDir := newCA(t, c)
	client := clientConfig(t, c, peer(t, ca, dir, Terminal, "door"))
	// plain is a server without our checks.
	plain := func(files Files) *tls.Config {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert, Time: c.now}
	}
	asServer := func(x *x509.Certificate) {
		x.ExtKeyUsage, x.DNSNames = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []string{"kms.chu-example.fr"}
	}
	old := plain(peer(t, ca, dir, KMS, "kms-1"))
	old.MaxVersion = tls.VersionTLS12
	for name, s := range map[string]struct {
		server *tls.Config
		host   string
	}{
		"another host":  {plain(peer(t, ca, dir, KMS, "kms-1")), "vault.chu-example.fr"},
		"another CA":    {plain(peer(t, other, otherDir, KMS, "kms-1")), "kms.chu-example.fr"},
		"a terminal":    {plain(peer(t, ca, dir, Terminal, "fake")), "kms.chu-example.fr"},
		"TLS 1.2":       {old, "kms.chu-example.fr"},
		"a wrong role":  {plain(forge(t, ca, dir, asServer)), "kms.chu-example.fr"},
		"no identity":   {plain(forge(t, ca, dir, func(x *x509.Certificate) { asServer(x); x.URIs = nil })), "kms.chu-example.fr"},
		"other domain":  {plain(forge(t, ca, dir, func(x *x509.Certificate) { asServer(x); x.URIs[0].Host = "o.example" })), "kms.chu-example.fr"},
		"an old server": {plain(forge(t, ca, dir, func(x *x509.Certificate) { asServer(x); x.NotAfter = c.t.Add(-time.Hour) })), "kms.chu-example.fr"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := talk(t, s.server, client, s.host); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("accepted: %v", err)
			}
		})
	}
	if _, serverErr, err := talk(t, plain(peer(t, ca, dir, KMS, "kms-1")), client, "kms.chu-example.fr"); err != nil || serverErr != nil {
		t.Errorf("the good server after all that: %v, %v", err, serverErr)
	}
}

func TestRolesOfConfigurations(t *testing.T) {
	c := newClock()
	ca, dir := newCA(t, c)
	kms, err := Load(peer(t, ca, dir, KMS, "kms-1"), c.now, unexpected(t))
	if err != nil {
		t.Fatal(err)
	}
	door, err := Load(peer(t, ca, dir, Terminal, "door"), c.now, unexpected(t))
	if err != nil {
		t.Fatal(err)
	}
	if config, err := ServerTLS(door); !errors.Is(err, ErrWrongUse) || config != nil {
		t.Errorf("a terminal as server: %v", err)
	}
	if config, err := ClientTLS(kms); !errors.Is(err, ErrWrongUse) || config != nil {
		t.Errorf("the server as client: %v", err)
	}
}

func TestLoadErrors(t *testing.T) {
	c := newClock()
	ca, dir := newCA(t, c)
	other, otherDir := newCA(t, c)
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := peer(t, ca, dir, Terminal, "door")
	foreign := peer(t, other, otherDir, Terminal, "door")
	with := func(change func(*Files)) Files { f := good; change(&f); return f }
	for name, l := range map[string]struct {
		files Files
		at    time.Duration
		want  error
		says  string
	}{
		"expired":           {good, LeafLifetime + time.Second, ErrExpired, "issue a new one"},
		"CA expired":        {forge(t, ca, dir, func(x *x509.Certificate) { x.NotAfter = c.t.Add(2 * CALifetime) }), CALifetime + time.Hour, ErrExpired, "CA"},
		"before its time":   {good, -time.Hour, ErrNotYetValid, "clock"},
		"another CA":        {with(func(f *Files) { f.CA = foreign.CA }), 0, ErrWrongCA, "ca.crt"},
		"another's key":     {with(func(f *Files) { f.Key = foreign.Key }), 0, ErrKeyMismatch, "together"},
		"trust domain":      {with(func(f *Files) { f.TrustDomain = "o.example" }), 0, ErrIdentity, "o.example"},
		"no trust domain":   {with(func(f *Files) { f.TrustDomain = "" }), 0, ErrIdentity, "trust domain"},
		"no certificate":    {with(func(f *Files) { f.Cert += "x" }), 0, fs.ErrNotExist, "certificate"},
		"no key":            {with(func(f *Files) { f.Key += "x" }), 0, fs.ErrNotExist, "private key"},
		"no CA":             {with(func(f *Files) { f.CA += "x" }), 0, fs.ErrNotExist, "CA certificate"},
		"no identity in it": {forge(t, ca, dir, func(x *x509.Certificate) { x.URIs = nil }), 0, ErrIdentity, "URI"},
		"server's use": {forge(t, ca, dir, func(x *x509.Certificate) { x.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
			0, ErrWrongUse, "client authentication"},
		"leaf as CA":        {with(func(f *Files) { f.CA = f.Cert }), 0, ErrWrongUse, "not a CA"},
		"key as cert":       {with(func(f *Files) { f.Cert = f.Key }), 0, nil, "PRIVATE KEY"},
		"cert as key":       {with(func(f *Files) { f.Key = write(string(ca.CertPEM())) }), 0, nil, "CERTIFICATE"},
		"empty certificate": {with(func(f *Files) { f.Cert = write("") }), 0, nil, "no certificate"},
		"empty key":         {with(func(f *Files) { f.Key = write("") }), 0, nil, "no private key"},
		"damaged certificate": {with(func(f *Files) { f.Cert = write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") }),
			0, nil, "x509"},
		"damaged key": {with(func(f *Files) { f.Key = write("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n") }),
			0, errKeyForm, "PKCS #8"},
	} {
		t.Run(name, func(t *testing.T) {
			creds, err := Load(l.files, func() time.Time { return c.t.Add(l.at) }, unexpected(t))
			if err == nil || creds != nil || (l.want != nil && !errors.Is(err, l.want)) || !strings.Contains(err.Error(), l.says) {
				t.Errorf("got %v, want %v that says %q", err, l.want, l.says)
			}
		})
	}
}

func TestReadableKeyIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("file modes say nothing on Windows")
	}
	c := newClock()
	ca, dir := newCA(t, c)
	files := peer(t, ca, dir, Terminal, "door")
	for _, mode := range []os.FileMode{0o644, 0o640, 0o620, 0o601} {
		if err := os.Chmod(files.Key, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(files, c.now, unexpected(t)); !errors.Is(err, ErrReadable) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

// A renewed certificate is used from the next handshake on; files that do not
// pass leave the old one in use.
func TestReload(t *testing.T) {
	c := newClock()
	ca, dir := newCA(t, c)
	leaf, err := ca.Issue(KMS, "kms-1", []string{"127.0.0.1"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	cert, key, err := leaf.Write(home)
	if err != nil {
		t.Fatal(err)
	}
	var reports []error
	files := Files{Cert: cert, Key: key, CA: filepath.Join(dir, CACertFile), TrustDomain: domain}
	creds, err := Load(files, c.now, func(err error) { reports = append(reports, err) })
	if err != nil {
		t.Fatal(err)
	}
	server, err := ServerTLS(creds)
	if err != nil {
		t.Fatal(err)
	}
	client := clientConfig(t, c, peer(t, ca, dir, Terminal, "door"))
	ends := func() time.Time {
		var end time.Time
		check := client.Clone()
		check.VerifyPeerCertificate = func(_ [][]byte, chains [][]*x509.Certificate) error {
			end = chains[0][0].NotAfter
			return nil
		}
		if _, serverErr, clientErr := talk(t, server, check, "127.0.0.1"); serverErr != nil || clientErr != nil {
			t.Fatalf("server %v, client %v", serverErr, clientErr)
		}
		return end
	}
	if got := ends(); !got.Equal(leaf.NotAfter) || len(reports) != 0 {
		t.Fatalf("at first: ends %v, reports %v", got, reports)
	}

	renewed, err := ca.Issue(KMS, "kms-1", []string{"127.0.0.1"}, LeafLifetime+time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := renewed.Replace(home); err != nil {
		t.Fatal(err)
	}
	if got := ends(); !got.Equal(renewed.NotAfter) || len(reports) != 1 || reports[0] != nil {
		t.Fatalf("renewed: ends %v, reports %v", got, reports)
	}

	if err := os.WriteFile(cert, []byte("half a certifi"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := ends(); !got.Equal(renewed.NotAfter) || len(reports) != 2 || reports[1] == nil {
		t.Fatalf("damaged: ends %v, reports %v", got, reports)
	}
	if ends(); len(reports) != 2 {
		t.Errorf("the same damage is told again: %v", reports)
	}

	someoneElse, err := ca.Issue(KMS, "kms-2", []string{"127.0.0.1"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := replace(key, someoneElse.keyPEM, keyMode); err != nil {
		t.Fatal(err)
	}
	if err := replace(cert, someoneElse.CertPEM, certMode); err != nil {
		t.Fatal(err)
	}
	if id := creds.Identity(); id.Name != "kms-1" || !errors.Is(reports[len(reports)-1], ErrIdentity) {
		t.Errorf("another identity: %v, reports %v", id, reports)
	}
	if !creds.NotAfter().Equal(renewed.NotAfter) {
		t.Errorf("ends %v", creds.NotAfter())
	}
}
