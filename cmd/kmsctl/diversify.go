package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"badgekms/cmd/internal/cli"
	"badgekms/kms/an10922"
	"badgekms/kms/profile"
	"badgekms/reader/key"
)

// diversifyFlags are what the diagnosis is given.
type diversifyFlags struct {
	masterFile         string
	m                  string
	uid, aid, systemID string
	slot               uint8
	issue              uint16
	fields             []string
	json               bool
}

func newDiversify() *cobra.Command {
	var f diversifyFlags
	c := &cobra.Command{
		Use:   "diversify --master-file FILE (--m HEX | --uid HEX --aid HEX --slot N --issue N --system-id ID)",
		Short: "Compute an AN10922 daughter key of a TEST master, to compare with another vendor's reader",
		Long: `Compute the AES-128 daughter key of NXP AN10922 from a TEST master key.

The master is yours: a file with 32 hexadecimal digits. Masters of the KMS
never leave their custody, so this cannot be pointed at one. The daughter key
is printed: use it for test cards only.

Give M itself (--m, 1 to 31 bytes), or the fields it is made of.`,
		Example: `  kmsctl diversify --master-file test.hex --uid 04782E21801D80 --aid 4088F5 --slot 1 --issue 1 --system-id 750712184
  kmsctl diversify --master-file test.hex --m 04782E21801D803042F54E585020416275`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return diversify(c.OutOrStdout(), f) },
	}
	c.Flags().StringVar(&f.masterFile, "master-file", "", "file with the test master key, 32 hexadecimal digits")
	c.Flags().StringVar(&f.m, "m", "", "diversification input M, 1 to 31 bytes in hexadecimal")
	c.Flags().StringVar(&f.uid, "uid", "", "UID of the card, 7 bytes in hexadecimal")
	c.Flags().StringVar(&f.aid, "aid", "", "application identifier, 3 bytes in hexadecimal in wire order; 000000 for the card's own key")
	c.Flags().Uint8Var(&f.slot, "slot", 0, "key number")
	c.Flags().Uint16Var(&f.issue, "issue", 1, "issue number")
	c.Flags().StringVar(&f.systemID, "system-id", "", "the establishment's system_id, 4 to 18 bytes: text, or hex:…")
	c.Flags().StringSliceVar(&f.fields, "fields", []string{"uid", "aid", "slot", "issue", "system_id"}, "the fields of M, in order")
	c.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	cli.Must(c.MarkFlagRequired("master-file"))
	c.MarkFlagsMutuallyExclusive("m", "uid")
	c.MarkFlagsOneRequired("m", "uid")
	c.MarkFlagsRequiredTogether("uid", "aid", "system-id")
	return c
}

// diversified is what is printed. The key is a test key, so it is text here.
type diversified struct {
	V         int         `json:"v"`
	M         string      `json:"m"`
	LengthOfM int         `json:"m_bytes"`
	Key       string      `json:"daughter_key"`
	KCV       an10922.KCV `json:"daughter_kcv"`
	MasterKCV an10922.KCV `json:"master_kcv"`
	// PlainKCV is that of the CMAC which pads to one block.
	PlainKCV an10922.KCV `json:"plain_cmac_kcv"`
}

func diversify(w io.Writer, f diversifyFlags) error {
	master, err := readTestMaster(f.masterFile)
	if err != nil {
		return err
	}
	m, err := f.input()
	if err != nil {
		return cli.Usage(err)
	}
	found, err := an10922.Diagnose(master, m)
	if err != nil {
		return err
	}
	bytes := found.Key.Reveal()
	d := diversified{
		V: 1, M: upper(m.Bytes()), LengthOfM: m.Len(), Key: upper(bytes[:]),
		KCV: found.KCV, MasterKCV: found.MasterKCV, PlainKCV: found.PlainKCV,
	}
	if f.json {
		return json.NewEncoder(w).Encode(d)
	}
	hint := "M has 16 bytes or more: this is plain AES-CMAC of 01 ‖ M, which every custody can compute"
	if !m.PlainCMAC() {
		hint = fmt.Sprintf("M is shorter than 16 bytes: Vault and HSMs cannot compute this, and a reader that\n"+
			"shows check value %s pads to one block where AN10922 pads to two", d.PlainKCV)
	}
	_, err = fmt.Fprintf(w, "M             %s (%d bytes)\ndaughter key  %s\ncheck value   %s\nmaster's KCV  %s\n%s\n",
		d.M, d.LengthOfM, d.Key, d.KCV, d.MasterKCV, hint)
	return err
}

func (f diversifyFlags) input() (an10922.M, error) {
	if f.m != "" {
		b, err := hex.DecodeString(f.m)
		if err != nil {
			return an10922.M{}, fmt.Errorf("--m: %w; give pairs of hexadecimal digits", err)
		}
		return an10922.NewM(b)
	}
	uid, err := hex.DecodeString(f.uid)
	if err != nil {
		return an10922.M{}, fmt.Errorf("--uid: %w; give 14 hexadecimal digits", err)
	}
	in := profile.Input{UID: uid, Slot: f.slot, Issue: f.issue}
	if err := in.AID.UnmarshalText([]byte(f.aid)); err != nil {
		return an10922.M{}, fmt.Errorf("--aid: %w", err)
	}
	if in.SystemID, err = profile.ParseSystemID(f.systemID); err != nil {
		return an10922.M{}, fmt.Errorf("--system-id: %w", err)
	}
	var fields []profile.Field
	for _, name := range f.fields {
		fields = append(fields, profile.Field(name))
	}
	format, err := profile.NewFormat(fields...)
	if err != nil {
		return an10922.M{}, fmt.Errorf("--fields: %w", err)
	}
	return format.M(in)
}

func readTestMaster(path string) (key.AES128, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return key.AES128{}, fmt.Errorf("--master-file: %w", err)
	}
	// The error of the decoder would quote a digit of the key.
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(b) != key.Size {
		return key.AES128{}, cli.Usage(errors.New("--master-file: the file must hold 32 hexadecimal digits and nothing else"))
	}
	return key.NewAES128(b)
}

func upper(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }
