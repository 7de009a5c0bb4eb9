package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"badgekms/cmd/internal/cli"
	"badgekms/kms/profile"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

func newDomain() *cobra.Command {
	c := &cobra.Command{Use: "domain", Short: "Key domains: one master key each, with one purpose"}
	c.AddCommand(newDomainCreate(), newDomainList())
	return c
}

func newDomainCreate() *cobra.Command {
	var k connection
	var name, kind, file string
	var fromProfile, dryRun, asJSON bool
	c := &cobra.Command{
		Use:   "create (--name NAME --kind admin|authentication | --profile-domains [--profile FILE])",
		Short: "Create a domain with its first master key, inside the custody",
		Long: `Create a domain with its first master key, inside the custody.

With --profile-domains, every domain of the card profile that is missing is
created; those that exist are left as they are.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			wanted, err := wantedDomains(name, kind, fromProfile, file)
			if err != nil {
				return err
			}
			return k.call(c.Context(), func(ctx context.Context, conn grpc.ClientConnInterface) error {
				return createDomains(ctx, badgekmsv1.NewDomainServiceClient(conn), c.OutOrStdout(), wanted, fromProfile, dryRun, asJSON)
			})
		},
	}
	k.add(c)
	c.Flags().StringVar(&name, "name", "", "the domain's name, such as staff-doors")
	c.Flags().StringVar(&kind, "kind", "authentication", "admin or authentication")
	c.Flags().BoolVar(&fromProfile, "profile-domains", false, "create all domains of the card profile that are missing")
	c.Flags().StringVar(&file, "profile", "", "card profile (default: the built-in one)")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "check only, create nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	c.MarkFlagsMutuallyExclusive("name", "profile-domains")
	c.MarkFlagsOneRequired("name", "profile-domains")
	return c
}

// wantedDomains are the domains that the flags ask for.
func wantedDomains(name, kind string, fromProfile bool, file string) ([]*badgekmsv1.CreateDomainRequest, error) {
	if !fromProfile {
		switch kind {
		case "admin":
			return []*badgekmsv1.CreateDomainRequest{{Name: name, Kind: badgekmsv1.DomainKind_DOMAIN_KIND_ADMIN}}, nil
		case "authentication":
			return []*badgekmsv1.CreateDomainRequest{{Name: name, Kind: badgekmsv1.DomainKind_DOMAIN_KIND_AUTHENTICATION}}, nil
		}
		return nil, cli.Usage(fmt.Errorf("--kind %q: give admin or authentication", kind))
	}
	p := profile.Default()
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--profile: %w", err)
		}
		if p, err = profile.Parse(text); err != nil {
			return nil, fmt.Errorf("--profile %s: %w", file, err)
		}
	}
	var wanted []*badgekmsv1.CreateDomainRequest
	for _, d := range p.Domains() {
		kind := badgekmsv1.DomainKind_DOMAIN_KIND_AUTHENTICATION
		if d == p.AdminDomain() {
			kind = badgekmsv1.DomainKind_DOMAIN_KIND_ADMIN
		}
		wanted = append(wanted, &badgekmsv1.CreateDomainRequest{Name: d, Kind: kind})
	}
	return wanted, nil
}

func createDomains(ctx context.Context, s badgekmsv1.DomainServiceClient, w io.Writer, wanted []*badgekmsv1.CreateDomainRequest, lenient, dryRun, asJSON bool) error {
	for _, r := range wanted {
		r.ValidateOnly = dryRun
		created, err := s.CreateDomain(ctx, r)
		if lenient && status.Code(err) == codes.AlreadyExists {
			continue
		}
		if err != nil {
			return err
		}
		if dryRun {
			if _, err := fmt.Fprintf(w, "domain %s could be created\n", r.GetName()); err != nil {
				return err
			}
			continue
		}
		if err := printDomains(w, []*badgekmsv1.Domain{created.GetDomain()}, asJSON); err != nil {
			return err
		}
	}
	return nil
}

func newDomainList() *cobra.Command {
	var k connection
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the domains and their generations; never a key",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return k.call(c.Context(), func(ctx context.Context, conn grpc.ClientConnInterface) error {
				r, err := badgekmsv1.NewDomainServiceClient(conn).ListDomains(ctx, &badgekmsv1.ListDomainsRequest{})
				if err != nil {
					return err
				}
				return printDomains(c.OutOrStdout(), r.GetDomains(), asJSON)
			})
		},
	}
	k.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return c
}

// generationJSON is version 1 of a generation in JSON.
type generationJSON struct {
	V              int    `json:"v"`
	Domain         string `json:"domain"`
	Kind           string `json:"kind"`
	Generation     uint32 `json:"generation"`
	State          string `json:"state"`
	CardKeyVersion uint32 `json:"card_key_version"`
	CustodyKey     string `json:"custody_key"`
	CustodyVersion uint32 `json:"custody_version"`
	KCV            string `json:"kcv"`
}

// printDomains prints one line for each generation.
func printDomains(w io.Writer, domains []*badgekmsv1.Domain, asJSON bool) error {
	var errs []error
	for _, d := range domains {
		kind := "authentication"
		if d.GetKind() == badgekmsv1.DomainKind_DOMAIN_KIND_ADMIN {
			kind = "admin"
		}
		for _, g := range d.GetGenerations() {
			line := generationJSON{
				V: 1, Domain: d.GetName(), Kind: kind, Generation: g.GetNumber(), State: g.GetState(),
				CardKeyVersion: g.GetCardKeyVersion(), CustodyKey: g.GetCustodyKey(), CustodyVersion: g.GetCustodyVersion(), KCV: upper(g.GetKcv()),
			}
			if asJSON {
				errs = append(errs, json.NewEncoder(w).Encode(line))
				continue
			}
			_, err := fmt.Fprintf(w, "%-16s %-14s  generation %-3d  %-11s  card version %-3d  KCV %s  custody %s v%d\n", line.Domain, line.Kind,
				line.Generation, line.State, line.CardKeyVersion, line.KCV, line.CustodyKey, line.CustodyVersion)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
