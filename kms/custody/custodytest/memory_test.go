package custodytest_test

import (
	"crypto/rand"
	"testing"

	"badgekms/kms/custody"
	"badgekms/kms/custody/custodytest"
	"badgekms/reader/key"
)

func TestInsecureMemory(t *testing.T) {
	custodytest.Run(t, func(testing.TB) custodytest.Backend {
		memory := custodytest.NewInsecureMemory(rand.Reader)
		return custodytest.Backend{
			Custody: memory,
			Plant: func(_ testing.TB, domain string, generation int, k key.AES128) custody.Master {
				return memory.Put(domain, generation, k)
			},
		}
	})
}
