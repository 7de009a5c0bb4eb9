package custody

import (
	"fmt"
	"regexp"
)

// MaxName is the longest name of a key domain, in characters.
const MaxName = 48

var name = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// CheckName refuses, with ErrName, a domain name that is not 1 to 48 lower
// case letters, digits and single inner dashes, beginning with a letter. Such
// a name can stand in a Vault path, a PKCS#11 label and a file name as it is.
func CheckName(domain string) error {
	if len(domain) > MaxName || !name.MatchString(domain) {
		return fmt.Errorf("%w: %q; use 1 to %d lower case letters, digits and single dashes, beginning with a letter, such as \"staff-doors\"", ErrName, domain, MaxName)
	}
	return nil
}
