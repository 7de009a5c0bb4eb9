package keyring_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"badgekms/kms/keyring"
)

// TestTransitions lists every legal change of state; all others are refused.
func TestTransitions(t *testing.T) {
	legal := map[[2]keyring.State]bool{}
	for _, pair := range [][2]keyring.State{
		{keyring.PreActivation, keyring.Active}, {keyring.PreActivation, keyring.Suspended},
		{keyring.PreActivation, keyring.Compromised}, {keyring.PreActivation, keyring.Destroyed},
		{keyring.Active, keyring.Suspended}, {keyring.Active, keyring.Deactivated}, {keyring.Active, keyring.Compromised},
		{keyring.Suspended, keyring.Active}, {keyring.Suspended, keyring.Deactivated},
		{keyring.Suspended, keyring.Compromised}, {keyring.Suspended, keyring.Destroyed},
		{keyring.Deactivated, keyring.Compromised}, {keyring.Deactivated, keyring.Destroyed},
		{keyring.Compromised, keyring.Destroyed},
	} {
		legal[pair] = true
	}
	for _, from := range append(keyring.States(), "unknown", "") {
		for _, to := range append(keyring.States(), "unknown", "") {
			want := legal[[2]keyring.State{from, to}]
			err := keyring.CheckTransition(from, to)
			if from.CanBecome(to) != want || (err == nil) != want {
				t.Errorf("%q to %q: CanBecome %t, error %v, want legal %t", from, to, from.CanBecome(to), err, want)
			}
			if err != nil && !errors.Is(err, keyring.ErrTransition) {
				t.Errorf("%q to %q: error %v is not ErrTransition", from, to, err)
			}
		}
	}
	if err := keyring.CheckTransition(keyring.Deactivated, keyring.Active); !strings.Contains(err.Error(), "destroyed") {
		t.Errorf("the error does not name what is legal: %v", err)
	}
}

func TestUses(t *testing.T) {
	all := []keyring.Use{keyring.Issue, keyring.Recognise, keyring.Replace}
	for state, allowed := range map[keyring.State][]keyring.Use{
		keyring.PreActivation: {},
		keyring.Active:        all,
		keyring.Suspended:     {keyring.Replace},
		keyring.Deactivated:   {keyring.Recognise, keyring.Replace},
		keyring.Compromised:   {keyring.Replace},
		keyring.Destroyed:     {},
		"unknown":             {},
	} {
		for _, use := range append(all, 0) {
			if got, want := state.Serves(use), slices.Contains(allowed, use); got != want {
				t.Errorf("%s serves to %s: %t, want %t", state, use, got, want)
			}
		}
	}
}
