package keyring_test

import (
	"errors"
	"strings"
	"testing"

	"badgekms/kms/keyring"
	"badgekms/kms/profile"
)

const formatID = "an10922-aes128:uid,aid,slot,issue,system_id"

func domain(name string, kind keyring.Kind) keyring.Domain {
	return keyring.Domain{Name: name, Kind: kind, FormatID: formatID, SystemID: "750712184"}
}

func generation(domain string, number int, state keyring.State) keyring.Generation {
	return keyring.Generation{
		Domain: domain, Number: number, KeyName: "badgekms-" + domain, KeyVersion: number + 2,
		CardKeyVersion: byte(number + 10), State: state,
	}
}

func newRing(t testing.TB, domains []keyring.Domain, generations ...keyring.Generation) *keyring.Ring {
	t.Helper()
	r, err := keyring.NewRing(domains, generations)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRing(t *testing.T) {
	domains := []keyring.Domain{domain("sso", keyring.Authentication), domain("admin", keyring.Admin)}
	// Out of order, as a registry may give them.
	given := []keyring.Generation{
		generation("sso", 3, keyring.PreActivation), generation("sso", 1, keyring.Deactivated),
		generation("admin", 1, keyring.Suspended), generation("sso", 2, keyring.Active),
	}
	r := newRing(t, domains, given...)
	if g, err := r.Current("sso"); err != nil || g.Number != 2 {
		t.Errorf("current of sso: %d, error %v, want 2", g.Number, err)
	}
	if _, err := r.Current("admin"); !errors.Is(err, keyring.ErrNoActive) {
		t.Errorf("current of admin: %v, want ErrNoActive", err)
	}
	if g, err := r.ByCardKeyVersion("sso", 11); err != nil || g.Number != 1 {
		t.Errorf("card key version 11: %d, error %v, want generation 1", g.Number, err)
	}
	if g, err := r.Generation("sso", 3); err != nil || g.Master().KeyVersion != 5 || g.Master().Generation != 3 || g.Master().KeyName != "badgekms-sso" {
		t.Errorf("generation 3: %+v, error %v", g, err)
	}
	for name, err := range map[string]error{
		"number": second(r.Generation("sso", 9)), "version": second(r.ByCardKeyVersion("sso", 99)),
	} {
		if !errors.Is(err, keyring.ErrUnknownGeneration) {
			t.Errorf("unknown %s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"domain": second(r.Domain("x")), "current": second(r.Current("x")), "list": second(r.Generations("x")),
		"number": second(r.Generation("x", 1)), "version": second(r.ByCardKeyVersion("x", 1)),
	} {
		if !errors.Is(err, keyring.ErrUnknownDomain) {
			t.Errorf("%s of an unknown domain: %v", name, err)
		}
	}
	list, err := r.Generations("sso")
	if err != nil || len(list) != 3 || list[0].Number != 1 || list[2].Number != 3 {
		t.Errorf("generations %+v, error %v", list, err)
	}
	if names := r.Domains(); len(names) != 2 || names[0].Name != "admin" {
		t.Errorf("domains %v", names)
	}
	// What goes in and comes out shares no memory with the ring.
	list[1].State, given[3].State = keyring.Destroyed, keyring.Destroyed
	if g, err := r.Current("sso"); err != nil || g.Number != 2 {
		t.Errorf("the ring changed from outside: %d, error %v", g.Number, err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestCurrentIsTheNewestActive: two generations are active while a campaign
// begins.
func TestCurrentIsTheNewestActive(t *testing.T) {
	r := newRing(t, []keyring.Domain{domain("sso", keyring.Authentication)},
		generation("sso", 1, keyring.Active), generation("sso", 2, keyring.Active), generation("sso", 3, keyring.Compromised))
	if g, err := r.Current("sso"); err != nil || g.Number != 2 {
		t.Errorf("current %d, error %v, want 2", g.Number, err)
	}
}

func TestInconsistent(t *testing.T) {
	sso := domain("sso", keyring.Authentication)
	changed := func(change func(*keyring.Generation)) []keyring.Generation {
		g := generation("sso", 2, keyring.Active)
		change(&g)
		return []keyring.Generation{generation("sso", 1, keyring.Active), g}
	}
	changedDomain := func(change func(*keyring.Domain)) []keyring.Domain {
		d := sso
		change(&d)
		return []keyring.Domain{d}
	}
	one := []keyring.Domain{sso}
	for name, test := range map[string]struct {
		domains     []keyring.Domain
		generations []keyring.Generation
		says        string
	}{
		"domain twice":     {[]keyring.Domain{sso, sso}, nil, "twice"},
		"domain name":      {changedDomain(func(d *keyring.Domain) { d.Name = "A" }), nil, "lower case"},
		"kind":             {changedDomain(func(d *keyring.Domain) { d.Kind = "" }), nil, "kind"},
		"format":           {changedDomain(func(d *keyring.Domain) { d.FormatID = "x" }), nil, "format"},
		"system_id":        {changedDomain(func(d *keyring.Domain) { d.SystemID = "" }), nil, "system_id"},
		"orphan":           {one, []keyring.Generation{generation("x", 1, keyring.Active)}, "not there"},
		"number 0":         {one, changed(func(g *keyring.Generation) { g.Number = 0 }), "begin at 1"},
		"number twice":     {one, changed(func(g *keyring.Generation) { g.Number = 1 }), "twice"},
		"no key":           {one, changed(func(g *keyring.Generation) { g.KeyName = "" }), "custody"},
		"key version 0":    {one, changed(func(g *keyring.Generation) { g.KeyVersion = 0 }), "custody"},
		"card version 0":   {one, changed(func(g *keyring.Generation) { g.CardKeyVersion = 0 }), "1 to 254"},
		"card version 255": {one, changed(func(g *keyring.Generation) { g.CardKeyVersion = 255 }), "1 to 254"},
		"shared version":   {one, changed(func(g *keyring.Generation) { g.CardKeyVersion = 11 }), "card key version 11"},
		"shared master":    {one, changed(func(g *keyring.Generation) { g.KeyVersion = 3 }), "version 3"},
		"state":            {one, changed(func(g *keyring.Generation) { g.State = "asleep" }), "asleep"},
		"master of another domain": {
			[]keyring.Domain{sso, domain("pharmacy", keyring.Authentication)},
			append(changed(func(*keyring.Generation) {}), keyring.Generation{Domain: "pharmacy", Number: 1, KeyName: "badgekms-sso", KeyVersion: 3, CardKeyVersion: 1, State: keyring.Active}),
			"has the master",
		},
	} {
		if _, err := keyring.NewRing(test.domains, test.generations); !errors.Is(err, keyring.ErrInconsistent) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want ErrInconsistent that says %q", name, err, test.says)
		}
	}
}

func TestNextCardKeyVersion(t *testing.T) {
	with := func(versions ...byte) []keyring.Generation {
		var list []keyring.Generation
		for i, v := range versions {
			list = append(list, keyring.Generation{Domain: "sso", Number: i + 1, CardKeyVersion: v})
		}
		return list
	}
	all := make([]byte, 254)
	for i := range all {
		all[i] = byte(i + 1)
	}
	for _, test := range []struct {
		existing []keyring.Generation
		want     byte
	}{
		{nil, 1}, {with(1), 2}, {with(7, 3), 4}, {with(3, 2), 4}, {with(254), 1}, {with(1, 254), 2},
		{with(append([]byte{253, 254}, all[:100]...)...), 101},
		{with(all[:253]...), 254},
	} {
		if got, err := keyring.NextCardKeyVersion(test.existing); err != nil || got != test.want {
			t.Errorf("after %d generations: %d, error %v, want %d", len(test.existing), got, err, test.want)
		}
	}
	if _, err := keyring.NextCardKeyVersion(with(all...)); !errors.Is(err, keyring.ErrExhausted) || !strings.Contains(err.Error(), `"sso"`) {
		t.Errorf("all taken: %v, want ErrExhausted", err)
	}
	// The order of the list does not matter, the numbers do.
	if got, err := keyring.NextCardKeyVersion([]keyring.Generation{{Number: 2, CardKeyVersion: 9}, {Number: 1, CardKeyVersion: 20}}); err != nil || got != 10 {
		t.Errorf("unordered: %d, error %v, want 10", got, err)
	}
}

// defaultDomains are those of the default profile, each with one generation.
func defaultDomains() ([]keyring.Domain, []keyring.Generation) {
	p := profile.Default()
	var domains []keyring.Domain
	var generations []keyring.Generation
	for _, name := range p.Domains() {
		kind := keyring.Authentication
		if name == p.AdminDomain() {
			kind = keyring.Admin
		}
		domains = append(domains, domain(name, kind))
		generations = append(generations, generation(name, 1, keyring.Active))
	}
	return domains, generations
}

func TestCheckProfile(t *testing.T) {
	check := func(change func([]keyring.Domain, []keyring.Generation)) error {
		domains, generations := defaultDomains()
		change(domains, generations)
		return newRing(t, domains, generations...).CheckProfile(profile.Default(), "750712184")
	}
	if err := check(func([]keyring.Domain, []keyring.Generation) {}); err != nil {
		t.Errorf("fitting ring: %v", err)
	}
	for name, test := range map[string]struct {
		change func([]keyring.Domain, []keyring.Generation)
		want   error
		says   string
	}{
		"missing domain": {func(d []keyring.Domain, g []keyring.Generation) {
			d[7].Name, g[7].Domain = "canteen", "canteen"
		}, keyring.ErrUnknownDomain, "spare-2"},
		"no active generation": {func(_ []keyring.Domain, g []keyring.Generation) {
			g[3].State = keyring.Suspended
		}, keyring.ErrNoActive, "sso"},
		"admin kind for a door": {func(d []keyring.Domain, _ []keyring.Generation) {
			d[1].Kind = keyring.Admin
		}, keyring.ErrKind, "staff-doors"},
		"door kind for admin": {func(d []keyring.Domain, _ []keyring.Generation) {
			d[0].Kind = keyring.Authentication
		}, keyring.ErrKind, "admin"},
		"another format": {func(d []keyring.Domain, _ []keyring.Generation) {
			d[2].FormatID = "an10922-aes128:uid,aid"
		}, keyring.ErrProfile, "edge-doors"},
		"another establishment": {func(d []keyring.Domain, _ []keyring.Generation) {
			d[2].SystemID = "130786049"
		}, keyring.ErrProfile, "130786049"},
	} {
		if err := check(test.change); !errors.Is(err, test.want) || !errors.Is(err, keyring.ErrProfile) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want %v that says %q", name, err, test.want, test.says)
		}
	}
}
