package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"

	"badgekms/hsm-sim"
)

// serve runs a simulator until ctx ends.
func serve(ctx context.Context, f flags, stderr io.Writer) (err error) {
	log := slog.New(slog.NewTextHandler(stderr, nil))
	options, config, err := f.check()
	if err != nil {
		return err
	}
	options.Logger = log
	if err := removeStale(f.addressFile); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return err
	}
	sim, token, err := hsmsim.Open(options)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, sim.Close()) }()

	fmt.Fprint(stderr, banner)
	if token != "" {
		log.Info("root token created", "file", options.RootTokenFile)
	}
	url := serviceURL(listener.Addr(), config != nil)
	if err := publish(f.addressFile, url); err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, removeStale(f.addressFile)) }()
	log.Info("serving", "url", url, "edition", f.edition, "state", stateName(f.state))
	err = sim.Serve(ctx, listener, config)
	log.Info("stopped")
	return err
}

func serviceURL(address net.Addr, secure bool) string {
	if secure {
		return "https://" + address.String()
	}
	return "http://" + address.String()
}

func stateName(path string) string {
	if path == "" {
		return "in memory, lost at the end"
	}
	return path
}

// check turns the flags into options. Its errors tell which flag to change.
func (f flags) check() (hsmsim.Options, *tls.Config, error) {
	edition, err := hsmsim.ParseEdition(f.edition)
	if err != nil {
		return hsmsim.Options{}, nil, usage("--edition: %v", err)
	}
	config, err := f.tlsConfig()
	if err != nil {
		return hsmsim.Options{}, nil, err
	}
	if err := f.checkListen(config != nil); err != nil {
		return hsmsim.Options{}, nil, err
	}
	if err := f.checkTokenFile(); err != nil {
		return hsmsim.Options{}, nil, err
	}
	passphrase, err := f.passphrase()
	if err != nil {
		return hsmsim.Options{}, nil, err
	}
	return hsmsim.Options{
		StateFile:     f.state,
		Passphrase:    passphrase,
		RootTokenFile: f.rootTokenFile,
		Edition:       edition,
	}, config, nil
}

func (f flags) tlsConfig() (*tls.Config, error) {
	switch {
	case f.tlsCert == "" && f.tlsKey == "":
		return nil, nil
	case f.tlsCert == "" || f.tlsKey == "":
		return nil, usage("--tls-cert and --tls-key belong together: give both or none")
	}
	pair, err := tls.LoadX509KeyPair(f.tlsCert, f.tlsKey)
	if err != nil {
		return nil, fmt.Errorf("load --tls-cert %s and --tls-key %s: %w", f.tlsCert, f.tlsKey, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// checkListen keeps tokens and tags, which travel in the clear without TLS,
// off the network.
func (f flags) checkListen(secure bool) error {
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		return usage("--listen %s: want HOST:PORT, for example 127.0.0.1:8200", f.listen)
	}
	if secure || host == "localhost" {
		return nil
	}
	address, err := netip.ParseAddr(host)
	if err != nil || !address.IsLoopback() {
		return usage("--listen %s is not a loopback address: use 127.0.0.1, or give --tls-cert and --tls-key", f.listen)
	}
	return nil
}

// checkTokenFile makes sure that a root token about to be created reaches
// somebody.
func (f flags) checkTokenFile() error {
	if f.rootTokenFile != "" {
		return nil
	}
	if f.state == "" {
		return usage("--root-token-file is needed: a new root token is written there")
	}
	_, err := os.Stat(f.state)
	if errors.Is(err, fs.ErrNotExist) {
		return usage("--root-token-file is needed: --state %s does not exist yet, so a root token is created", f.state)
	}
	return err
}

func (f flags) passphrase() ([]byte, error) {
	switch {
	case f.state == "" && f.passphraseFile == "":
		return nil, nil
	case f.state == "":
		return nil, usage("--passphrase-file without --state: give --state FILE too, or drop it")
	case f.passphraseFile == "":
		return nil, usage("--state needs --passphrase-file: the keys are kept encrypted only")
	}
	content, err := os.ReadFile(f.passphraseFile)
	if err != nil {
		return nil, fmt.Errorf("read --passphrase-file: %w", err)
	}
	line, _, _ := bytes.Cut(content, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return nil, usage("--passphrase-file %s: its first line is empty, put the passphrase there", f.passphraseFile)
	}
	return line, nil
}

// publish writes the URL in one step, so that a script that waits for the file
// never reads half of it.
func publish(path, url string) error {
	if path == "" {
		return nil
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, []byte(url+"\n"), 0o644); err != nil {
		return fmt.Errorf("write --address-file: %w", err)
	}
	return os.Rename(temporary, path)
}

// removeStale removes an address file, which must not outlive its server.
func removeStale(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove --address-file: %w", err)
	}
	return nil
}
