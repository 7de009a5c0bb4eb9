package cardsim

// NV memory is given out in blocks of 32 bytes. What real cards charge for an
// application and for a file's administration is not published; here an
// application takes one block and its keys (with version and counters, 8 bytes
// more each), a file its data, twice for a backup file. DeleteApplication and
// DeleteFile give nothing back, FormatPICC everything.
const memoryBlock = 32

func blocks(n int) int { return paddedLength(n, memoryBlock) }

func applicationCost(keys, keySize int) int {
	return memoryBlock + blocks(keys*(keySize+8))
}

func (f *file) cost() int {
	switch f.Type {
	case fileBackup:
		return 2 * blocks(len(f.Data))
	case fileLinear, fileCyclic:
		return blocks(f.RecordSize * f.MaxRecords)
	case fileValue, fileMAC:
		return memoryBlock
	}
	return blocks(len(f.Data))
}

func (c *Card) freeBytes() int { return memorySize(c.state.Storage) - c.state.MemoryUsed }

// allocate takes n bytes of NV memory for good, or tells that they are not there.
func (c *Card) allocate(n int) bool {
	if n > c.freeBytes() {
		return false
	}
	c.state.MemoryUsed += n
	c.dirty = true
	return true
}
