// Package text holds what people of the badge office read, in French and in
// English: a text and a cure for every badgekms.v1.Reason, a name for every
// Stage and Verdict, and the sentences of the command lines (fmt verbs in
// them). Languages are chosen by POSIX locale variables (POSIX.1-2017 §8.2).
//
// Texts say what is, and never who is to blame; cures say what to do next, in
// words that need no knowledge of cards.
package text

import (
	"fmt"
	"strings"

	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// Language is a language that people read here.
type Language string

// The languages. French is the default.
const (
	French  Language = "fr"
	English Language = "en"
)

// Parse reads a language as a flag gives it: "fr" or "en".
func Parse(s string) (Language, error) {
	switch l := Language(strings.ToLower(s)); l {
	case French, English:
		return l, nil
	}
	return "", fmt.Errorf("unknown language %q: choose fr or en", s)
}

// Detect chooses by LC_ALL, LC_MESSAGES or LANG, the first that is set:
// English for en*, French for everything else.
func Detect(getenv func(string) string) Language {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		value := getenv(name)
		if value == "" {
			continue
		}
		if strings.HasPrefix(strings.ToLower(value), "en") {
			return English
		}
		return French
	}
	return French
}

// Entry is what people read for one Reason.
type Entry struct {
	// Text says what is the case.
	Text string
	// Cure says what to do next.
	Cure string
}

// Reason is the entry of r. A reason that this program does not know yet, of a
// newer KMS, gets the entry of INTERNAL with its number.
func (l Language) Reason(r badgekmsv1.Reason) Entry {
	if e, known := reasons[l][r]; known {
		return e
	}
	e := reasons[l][badgekmsv1.Reason_REASON_INTERNAL]
	e.Text = fmt.Sprintf("%s (%d)", e.Text, r)
	return e
}

// Stage is the name of a step; a step of a newer KMS is named by its number.
func (l Language) Stage(s badgekmsv1.Stage) string {
	if name, known := stages[l][s]; known {
		return name
	}
	return fmt.Sprintf("%s %d", stages[l][badgekmsv1.Stage_STAGE_UNSPECIFIED], s)
}

// Verdict is the name of a verdict.
func (l Language) Verdict(v badgekmsv1.Verdict) string {
	if name, known := verdicts[l][v]; known {
		return name
	}
	return verdicts[l][badgekmsv1.Verdict_VERDICT_UNSPECIFIED]
}

// Say is the sentence m with its arguments.
func (l Language) Say(m Message, args ...any) string {
	text := m.sentence().in(l)
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

func (m Message) sentence() sentence {
	if m < lastFlowMessage {
		return flowMessages[m]
	}
	return helpMessages[m]
}

var reasons = map[Language]map[badgekmsv1.Reason]Entry{
	French:  reasonsFrench,
	English: reasonsEnglish,
}

var stages = map[Language]map[badgekmsv1.Stage]string{
	French: {
		badgekmsv1.Stage_STAGE_UNSPECIFIED:    "étape",
		badgekmsv1.Stage_STAGE_CARD_CHECK:     "examen de la carte",
		badgekmsv1.Stage_STAGE_RESUME:         "reprise d'un encodage interrompu",
		badgekmsv1.Stage_STAGE_CARD_KEY:       "protection de la carte",
		badgekmsv1.Stage_STAGE_APPLICATION:    "création de l'espace de l'établissement",
		badgekmsv1.Stage_STAGE_ADMIN_KEY:      "protection de l'espace de l'établissement",
		badgekmsv1.Stage_STAGE_KEYS_AND_FILES: "écriture des clés et du numéro de badge",
		badgekmsv1.Stage_STAGE_VERIFY:         "vérification du badge",
	},
	English: {
		badgekmsv1.Stage_STAGE_UNSPECIFIED:    "step",
		badgekmsv1.Stage_STAGE_CARD_CHECK:     "looking at the card",
		badgekmsv1.Stage_STAGE_RESUME:         "resuming an interrupted enrolment",
		badgekmsv1.Stage_STAGE_CARD_KEY:       "protecting the card",
		badgekmsv1.Stage_STAGE_APPLICATION:    "creating the establishment's area",
		badgekmsv1.Stage_STAGE_ADMIN_KEY:      "protecting the establishment's area",
		badgekmsv1.Stage_STAGE_KEYS_AND_FILES: "writing the keys and the badge number",
		badgekmsv1.Stage_STAGE_VERIFY:         "verifying the badge",
	},
}

var verdicts = map[Language]map[badgekmsv1.Verdict]string{
	French: {
		badgekmsv1.Verdict_VERDICT_UNSPECIFIED: "échec",
		badgekmsv1.Verdict_VERDICT_GRANTED:     "accordé",
		badgekmsv1.Verdict_VERDICT_DENIED:      "refusé",
		badgekmsv1.Verdict_VERDICT_UNDECIDED:   "sans décision",
	},
	English: {
		badgekmsv1.Verdict_VERDICT_UNSPECIFIED: "failed",
		badgekmsv1.Verdict_VERDICT_GRANTED:     "granted",
		badgekmsv1.Verdict_VERDICT_DENIED:      "denied",
		badgekmsv1.Verdict_VERDICT_UNDECIDED:   "undecided",
	},
}
