package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// publishAddress writes where the API is served, HOST:PORT and a newline, in
// one step, so that a script that waits for the file never reads half of it.
// It does nothing without a path.
func publishAddress(path, address string) error {
	if path == "" {
		return nil
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, []byte(address+"\n"), 0o644); err != nil {
		return fmt.Errorf("write --address-file: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("write --address-file: %w", errors.Join(err, os.Remove(temporary)))
	}
	return nil
}

// removeAddress removes an address file, which must not outlive its server: at
// the end, and at the start the one of a server that was killed.
func removeAddress(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove --address-file: %w", err)
	}
	return nil
}
