package text

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	badgekmsv1 "badgekms/proto/badgekms/v1"
)

var languages = []Language{French, English}

func numbers(e protoreflect.EnumDescriptor) []protoreflect.EnumNumber {
	var all []protoreflect.EnumNumber
	for i := range e.Values().Len() {
		all = append(all, e.Values().Get(i).Number())
	}
	return all
}

// TestReasonsAreComplete walks the enum as the API declares it.
func TestReasonsAreComplete(t *testing.T) {
	declared := numbers(badgekmsv1.Reason(0).Descriptor())
	if len(declared) < 50 {
		t.Fatalf("only %d reasons were found", len(declared))
	}
	for _, l := range languages {
		seen := make(map[string]badgekmsv1.Reason)
		for _, n := range declared {
			r := badgekmsv1.Reason(n)
			e, known := reasons[l][r]
			if !known || !isSentence(e.Text) || !isSentence(e.Cure) {
				t.Errorf("%s: %v: %+v", l, r, e)
			}
			if other, twice := seen[e.Text]; twice {
				t.Errorf("%s: %v and %v share a text", l, r, other)
			}
			seen[e.Text] = r
		}
		if len(reasons[l]) != len(declared) {
			t.Errorf("%s: %d entries for %d reasons", l, len(reasons[l]), len(declared))
		}
	}
	for _, n := range declared {
		if r := badgekmsv1.Reason(n); French.Reason(r) == English.Reason(r) {
			t.Errorf("%v is not translated", r)
		}
	}
}

func isSentence(s string) bool { return len(s) > 10 && strings.HasSuffix(s, ".") }

func TestStagesAndVerdictsAreComplete(t *testing.T) {
	for _, l := range languages {
		for _, n := range numbers(badgekmsv1.Stage(0).Descriptor()) {
			if stages[l][badgekmsv1.Stage(n)] == "" {
				t.Errorf("%s: no name for %v", l, badgekmsv1.Stage(n))
			}
		}
		for _, n := range numbers(badgekmsv1.Verdict(0).Descriptor()) {
			if verdicts[l][badgekmsv1.Verdict(n)] == "" {
				t.Errorf("%s: no name for %v", l, badgekmsv1.Verdict(n))
			}
		}
	}
}

// TestFutureValues: a newer KMS may send what this program does not know.
func TestFutureValues(t *testing.T) {
	for _, l := range languages {
		if e := l.Reason(999); !strings.Contains(e.Text, "999") || e.Cure == "" {
			t.Errorf("%s: reason 999: %+v", l, e)
		}
		if s := l.Stage(99); !strings.Contains(s, "99") {
			t.Errorf("%s: stage 99: %q", l, s)
		}
		if v := l.Verdict(99); v != l.Verdict(badgekmsv1.Verdict_VERDICT_UNSPECIFIED) {
			t.Errorf("%s: verdict 99: %q", l, v)
		}
		if s := l.State("molten"); s != "molten" {
			t.Errorf("%s: state molten: %q", l, s)
		}
	}
}

var verbs = regexp.MustCompile(`%[sdv]`)

// TestMessagesAreComplete: every message exists in both languages, with the
// same verbs in the same order.
func TestMessagesAreComplete(t *testing.T) {
	if len(flowMessages) != int(lastFlowMessage) {
		t.Errorf("%d flow messages, want %d", len(flowMessages), lastFlowMessage)
	}
	for m := range lastMessage {
		s := m.sentence()
		if s.french == "" || s.english == "" {
			t.Errorf("message %d: %+v", m, s)
		}
		if fr, en := verbs.FindAllString(s.french, -1), verbs.FindAllString(s.english, -1); !slices.Equal(fr, en) {
			t.Errorf("message %d: verbs %v in French, %v in English (%s)", m, fr, en, s.english)
		}
	}
}

func TestDetect(t *testing.T) {
	tests := []struct {
		env  map[string]string
		want Language
	}{
		{nil, French},
		{map[string]string{"LANG": "fr_FR.UTF-8"}, French},
		{map[string]string{"LANG": "en_GB.UTF-8"}, English},
		{map[string]string{"LANG": "en_GB.UTF-8", "LC_ALL": "fr_FR.UTF-8"}, French},
		{map[string]string{"LANG": "fr_FR.UTF-8", "LC_MESSAGES": "en_US"}, English},
		{map[string]string{"LANG": "C"}, French},
	}
	for _, test := range tests {
		if got := Detect(func(k string) string { return test.env[k] }); got != test.want {
			t.Errorf("%v: %s, want %s", test.env, got, test.want)
		}
	}
}

func TestParse(t *testing.T) {
	if l, err := Parse("EN"); err != nil || l != English {
		t.Errorf("EN: %s, %v", l, err)
	}
	if _, err := Parse("de"); err == nil {
		t.Error("de was accepted")
	}
}
