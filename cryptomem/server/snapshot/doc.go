// Package snapshot keeps a copy of a cache on disk, so that a server that is
// restarted begins warm. Values were sealed before they reached the server and
// are as unreadable on disk as in memory; keys are written as the server has
// them.
//
//	lock, err := snapshot.Acquire("cache.snapshot")              // against other processes
//	loaded, err := snapshot.Load(ctx, "cache.snapshot", c, clk)  // on start
//	k := snapshot.NewKeeper("cache.snapshot", time.Minute, c, clk, nil)
//	k.Start()                                                    // on a schedule
//	err = k.Close(ctx)                                           // and a last time
//	err = lock.Release()
//
// The promises:
//
//   - The file is replaced as a whole or not at all, whatever happens while it
//     is written: the process killed, the machine losing power, the disk full.
//   - Saving holds no lock for longer than a few items take to copy.
//   - Neither saving nor loading holds a large value in memory: it goes in pieces,
//     from and to where the cache keeps it.
//   - What is loaded is what was saved: every block of the file carries a
//     checksum, and of a damaged or truncated file the whole blocks are loaded
//     and the rest is reported.
//   - No item lives longer than it would have: expiry is kept as a wall clock
//     time, and time spent switched off counts. Where the wall clock was set
//     back, an item has at most the time left that it had when it was saved.
//
// What a snapshot does not promise: changes after the last one are lost with a
// crash, so an item deleted or overwritten since is back as it was. Versions
// are not kept. A loaded item gets a new one, and numbers from before the
// restart may come again. An item of an account that is not open when it is
// loaded is charged to no account from then on.
//
// # Format
//
// Integers are big-endian. The file is a header, zeros, at offset 4096 a copy of
// the header, and blocks:
//
//	header   "CMSNAP" | copy uint8 | format uint8 | created int64 | id [16]byte | checksum uint32
//	block    id [16]byte | sequence uint32 | items uint32 | length uint32 | checksum uint32 | payload
//	item     key length uint16 | value length uint32 | expiry int64 | account length uint8 | key | value | account
//
// The format is 2. Copy is 0 in the header and 1 in its copy, which is read where
// the header is damaged: what spoils one sector of a disk leaves one of the two,
// and no client chooses what stands at either place. Times are Unix times in
// nanoseconds; expiry 0 means never. The account is the name of the one that the
// item is charged to, empty for none. A header's checksum is the CRC-32C
// (Castagnoli) of what stands before it; a block's that of sequence, items, length
// and payload. The id is random for each file. A reader that has lost its place
// finds the next block by it, and no value that a client stored can pass for a
// block. Sequences count from 0. A payload of several items is at most 1 MiB. The
// last block has no items, and the number of all items (uint64) as its payload.
//
// A damaged file is read a few times over at most: a reader that has read twice its
// size for blocks that turned out to be damaged counts the rest as lost.
package snapshot
