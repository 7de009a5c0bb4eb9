package procedure

import (
	"context"
	"errors"
	"fmt"

	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/desfire"
)

// look is what a card tells without authentication: hints, all of it.
type look struct {
	version     desfire.Version
	signature   []byte // r ‖ s, 56 bytes; nil: the card gives none
	originality Originality
	aids        []desfire.AID
	hidden      bool                 // the card does not list its applications
	settings    *desfire.KeySettings // of the PICC; nil: not told
	keyVersion  *byte                // of the PICC master key; nil: not told
	free        *int                 // bytes; nil: not told
}

func (l look) has(aid desfire.AID) bool {
	for _, a := range l.aids {
		if a == aid {
			return true
		}
	}
	return false
}

// lookStep is one question of a look, and what is done with the answer.
type lookStep struct {
	command desfire.Command
	take    func(l *look, data []byte) error
	// needed: without an answer the card is none that we can work with.
	needed bool
}

var lookSteps = []lookStep{
	{command: desfire.SelectApplication(desfire.PICC), needed: true},
	{command: desfire.GetVersion(), needed: true, take: func(l *look, data []byte) (err error) {
		l.version, err = desfire.ParseVersion(data)
		return err
	}},
	{command: desfire.ReadSig(), take: func(l *look, data []byte) error {
		l.signature = data
		return nil
	}},
	{command: desfire.GetApplicationIDs(), take: func(l *look, data []byte) (err error) {
		l.hidden = false
		l.aids, err = desfire.ParseAIDs(data)
		return err
	}},
	{command: desfire.GetKeySettings(), take: func(l *look, data []byte) error {
		s, err := desfire.ParseKeySettings(data)
		l.settings = &s
		return err
	}},
	{command: desfire.GetKeyVersion(0), take: func(l *look, data []byte) error {
		v, err := desfire.ParseKeyVersion(data)
		l.keyVersion = &v
		return err
	}},
	{command: desfire.FreeMemory(), take: func(l *look, data []byte) error {
		n, err := desfire.ParseFreeMemory(data)
		l.free = &n
		return err
	}},
}

// lookCommands is the run of all steps.
func lookCommands() []reader.Command {
	var run []reader.Command
	for _, s := range lookSteps {
		run = append(run, plain(s.command)...)
	}
	return run
}

// looker works through the steps of a look.
type looker struct {
	look look
	// rest are responses of the opening script that are not used yet.
	rest []reader.Response
}

// lookAt takes from the opening what the card answered and asks for the rest.
// It returns the responses of the opening that belong to no step.
func (e *Engine) lookAt(ctx context.Context, c Conversation) (look, []reader.Response, error) {
	l := looker{look: look{hidden: true}, rest: c.Opening}
	for i := 0; i < len(lookSteps); {
		if len(l.rest) == 0 {
			rs, err := c.Card.Transmit(ctx, l.remaining(i))
			if err != nil {
				return look{}, nil, fmt.Errorf("look at the card: %w", err)
			}
			if len(rs) == 0 {
				return look{}, nil, fmt.Errorf("look at the card: %w", desfire.ErrIncomplete)
			}
			l.rest = rs
		}
		if err := l.step(ctx, c.Card, lookSteps[i]); err != nil {
			return look{}, nil, err
		}
		i++
	}
	l.look.originality = e.Originality.check(l.look)
	return l.look, l.rest, nil
}

// remaining is the run of the steps from i on.
func (l *looker) remaining(i int) []reader.Command {
	var run []reader.Command
	for _, s := range lookSteps[i:] {
		run = append(run, plain(s.command)...)
	}
	return run
}

// step opens the answer to one step. A refusal of a step that is not needed
// leaves its part of the look empty.
func (l *looker) step(ctx context.Context, card reader.Card, s lookStep) error {
	x, err := desfire.PlainSession{}.Seal(s.command)
	if err != nil {
		return err
	}
	used, err := x.Open(l.rest[:min(len(l.rest), len(x.Commands()))])
	l.rest = l.rest[used:]
	for err == nil && !x.Done() {
		var rs []reader.Response
		l.rest = nil
		if rs, err = card.Transmit(ctx, x.Commands()); err == nil {
			_, err = x.Open(rs)
		}
	}
	var refused *apdu.StatusError
	switch {
	case errors.As(err, &refused) && !s.needed:
		return nil
	case err != nil:
		return fmt.Errorf("look at the card: %w", err)
	case s.take == nil:
		return nil
	}
	if err := s.take(&l.look, x.Data()); err != nil {
		return fmt.Errorf("look at the card: %s: %w", s.command, err)
	}
	return nil
}
