package audit

import (
	"crypto/sha256"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier computes root hashes of RFC 6962 §2.1 trees from their leaf hashes
// alone, in memory that grows with the logarithm of the size. Verification
// uses it and not the code that built the tree, so that the two check each
// other.
type frontier struct {
	size int64
	// nodes are the roots of the perfect subtrees that the leaves fill, the
	// largest and oldest first: one for each bit set in size.
	nodes []Hash
}

func (f *frontier) add(leaf Hash) {
	f.nodes = append(f.nodes, leaf)
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.nodes) - 1
		f.nodes[last-1] = tlog.NodeHash(f.nodes[last-1], f.nodes[last])
		f.nodes = f.nodes[:last]
	}
	f.size++
}

func (f *frontier) root() Hash {
	if f.size == 0 {
		return sha256.Sum256(nil)
	}
	last := len(f.nodes) - 1
	root := f.nodes[last]
	for i := last - 1; i >= 0; i-- {
		root = tlog.NodeHash(f.nodes[i], root)
	}
	return root
}
