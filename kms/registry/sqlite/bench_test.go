package sqlite

import (
	"crypto/rand"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"badgekms/kms/audit"
	"badgekms/kms/registry"
)

// BenchmarkUpdate appends an audit record, as each tap does; parallel callers
// share their flushes, which "updates/flush" tells.
func BenchmarkUpdate(b *testing.B) {
	appender, err := audit.NewAppender("bench", time.Now, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		callers int
	}{{"alone", 0}, {"parallel", 32}} {
		b.Run(c.name, func(b *testing.B) {
			var flushes atomic.Int64
			o := Options{Create: true, Audit: appender, OnCommit: func(int) { flushes.Add(1) }}
			s, err := Open(b.Context(), filepath.Join(b.TempDir(), "registry.db"), o)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			tap := func() {
				err := s.Update(b.Context(), func(tx registry.Tx) error {
					return tx.AppendAudit(audit.Record{Action: "conversation.authenticate", Outcome: audit.Granted})
				})
				if err != nil {
					b.Error(err)
				}
			}
			if c.callers == 0 {
				for b.Loop() {
					tap()
				}
			} else {
				b.SetParallelism(c.callers)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						tap()
					}
				})
			}
			b.ReportMetric(float64(b.N)/float64(max(flushes.Load(), 1)), "updates/flush")
		})
	}
}
