package stats

import "runtime/metrics"

// spareFiles is what a server has open beside the connections that it serves:
// those that it tells they are too many (64), the admin listener's (128), and
// listeners, logs, the snapshot.
const spareFiles = 256

// FilesFor returns how many files, see Process.MaxFiles, a server with that limit
// on connections has to be allowed.
func FilesFor(maxConnections int) uint64 { return uint64(max(maxConnections, 0)) + spareFiles }

// ConnectionsFor returns how many connections a server may have open where it may
// have that many files, but no more than limit. The rest, at most half of a small
// number, is for what it also has to open: a client that could take that, too, would
// stop snapshots, reloads and health checks. 0 files is not known.
func ConnectionsFor(files uint64, limit int) int {
	if files == 0 {
		return limit
	}
	return int(min(uint64(max(limit, 0)), files-min(spareFiles, files/2)))
}

// ReadProcess describes this process.
func ReadProcess() Process {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
	}
	metrics.Read(samples)
	number := func(i int) uint64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			// a runtime that no longer knows this metric
			return 0
		}
		return samples[i].Value.Uint64()
	}
	p := Process{Goroutines: int(number(0)), Heap: int64(number(1) + number(2))}
	p.Resident, p.CPU, p.MaxFiles = readSystem()
	return p
}
