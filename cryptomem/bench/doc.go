// Package bench puts load on a server and measures how long answers take.
//
//	result, err := bench.Run(ctx, clock.New(), bench.Raw(bench.Cryptomem, dial), bench.Load{
//		Connections: 50, Depth: 16, Duration: 10 * time.Second,
//	})
//	result.WriteText(os.Stdout)
//
// A [Target] is what the load is put on: cryptomem through its client, which
// seals every value, or a server's bare protocol, be it cryptomem's own,
// memcached's or that of Redis, so that the very same load compares them.
//
// # Closed and open loop
//
// A closed loop sends the next batch on a connection when the last one is
// answered. It finds out how much a server can do, but not how long its users
// wait: while the server stalls, a closed loop politely sends nothing, and the
// stall is one slow answer in the books instead of the thousands that it would
// have been. Leaving those out is known as coordinated omission.
//
// With a rate, the loop is open: requests fall due at that rate whatever the
// server does, and latency counts from when a request was due, not from when
// there was a connection free to send it. The stall is then in the books at
// its full weight. What part of the latency was spent before sending is
// reported apart, and requests that were due and never sent are counted.
//
// Latencies are kept in HDR histograms, exact to three digits.
package bench
