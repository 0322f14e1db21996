package doctor

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
)

// oldestValkey is the oldest version that a store works on.
const oldestValkey = "6.2"

// valkeyNodes asks every node what it is.
func (v *clientReport) valkeyNodes(ctx context.Context, client valkey.Client) {
	nodes := client.Nodes()
	for _, addr := range slices.Sorted(maps.Keys(nodes)) {
		node := nodes[addr]
		text, err := node.Do(ctx, node.B().Info().Build()).ToString()
		if err != nil {
			v.found(Unknown, "server", fmt.Sprintf("%s does not say what it is: %v", addr, err), "ask as a user with +info and +config|get, which the client itself need not have")
			continue
		}
		info := parseInfo(text)
		v.valkeyVersion(addr, info)
		v.valkeyRole(addr, info, client.Mode())
		if info["role"] == "master" {
			v.valkeyMemory(addr, info)
			v.valkeyTracking(ctx, addr, node, info)
		}
	}
	if client.Mode() == valkey.ClientModeCluster {
		v.valkeyCluster(ctx, nodes)
	}
}

// parseInfo reads the answer to INFO.
func parseInfo(text string) map[string]string {
	info := make(map[string]string)
	// the kind of a RESP3 text
	text = strings.TrimPrefix(text, "txt:")
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
			info[name] = value
		}
	}
	return info
}

func (v *clientReport) valkeyVersion(addr string, info map[string]string) {
	name, version := "Redis", info["redis_version"]
	if info["valkey_version"] != "" {
		name, version = "Valkey", info["valkey_version"]
	}
	if older(version, oldestValkey) {
		v.found(Problem, "server", fmt.Sprintf("%s is %s %s, and the store needs %s", addr, name, version, oldestValkey), "run a newer server")
		return
	}
	v.fine("server", "%s is %s %s", addr, name, version)
}

// older compares versions by their first two numbers.
func older(version, than string) bool {
	number := func(s string) (n int) {
		parts := strings.SplitN(s, ".", 3)
		major, _ := strconv.Atoi(parts[0])
		if len(parts) > 1 {
			n, _ = strconv.Atoi(parts[1])
		}
		return major*1000 + n
	}
	return number(version) < number(than)
}

func (v *clientReport) valkeyRole(addr string, info map[string]string, mode valkey.ClientMode) {
	switch {
	case info["cluster_enabled"] == "1" && mode != valkey.ClientModeCluster:
		v.found(Problem, "cluster", addr+" is part of a cluster, and does not tell this user which node has what: most names answer MOVED", "grant +cluster|slots, +asking and, from version 8 on, +cluster|shards")
	case mode != valkey.ClientModeCluster && info["role"] == "slave":
		v.found(Problem, "server", addr+" is a replica: it takes no writes", "name the primary, or the sentinels that know it: valkey://host?sentinel=NAME")
	case info["loading"] == "1":
		v.found(Warning, "server", addr+" is reading its data from disk", "wait until it is done")
	}
}

// valkeyMemory asks what happens when memory is short.
func (v *clientReport) valkeyMemory(addr string, info map[string]string) {
	const subject = "maxmemory-policy"
	policy := info["maxmemory_policy"]
	most, _ := strconv.ParseInt(info["maxmemory"], 10, 64)
	switch {
	case most == 0:
		v.found(Warning, subject, addr+" has no maxmemory: it grows until the system kills it", "CONFIG SET maxmemory SIZE, and maxmemory-policy allkeys-lfu for a cache")
	case policy == "noeviction":
		v.found(Warning, subject, fmt.Sprintf("%s evicts nothing (noeviction): once it has %s, storing fails with ErrFull", addr, quantity.FormatSize(most)), "CONFIG SET maxmemory-policy allkeys-lfu for a cache; if nothing may be lost, keep it and watch used_memory")
	case strings.HasPrefix(policy, "volatile-"):
		v.found(Warning, subject, fmt.Sprintf("%s evicts only what has a TTL (%s): without TTLs, storing fails with ErrFull at %s", addr, policy, quantity.FormatSize(most)), "CONFIG SET maxmemory-policy allkeys-lfu, or store nothing without a TTL")
	default:
		v.fine(subject, "%s on %s, from %s on", policy, addr, quantity.FormatSize(most))
	}
}

// valkeyTracking asks whether the server can remember what near caches hold.
func (v *clientReport) valkeyTracking(ctx context.Context, addr string, node valkey.Client, info map[string]string) {
	const subject = "tracking-table-max-keys"
	config, err := node.Do(ctx, node.B().ConfigGet().Parameter(subject).Build()).AsStrMap()
	if err != nil || config[subject] == "" {
		v.found(Unknown, subject, addr+" does not tell it", "for near caches, see with CONFIG GET that it is above the number of names in use")
		return
	}
	limit, _ := strconv.ParseInt(config[subject], 10, 64)
	tracked, _ := strconv.ParseInt(info["tracking_total_keys"], 10, 64)
	if limit > 0 && tracked >= limit-limit/10 {
		v.found(Warning, subject, fmt.Sprintf("%s keeps track of %d names that clients hold near, and forgets beyond %d: near caches lose copies although nothing changed", addr, tracked, limit),
			fmt.Sprintf("CONFIG SET %s %d, or give near caches less memory", subject, 4*limit))
		return
	}
	v.fine(subject, "%d of %d in use on %s", tracked, limit, addr)
}

// valkeyCluster asks every node how the cluster is: one that is down cannot say it, and
// one may not have heard yet that another is.
func (v *clientReport) valkeyCluster(ctx context.Context, nodes map[string]valkey.Client) {
	const subject = "cluster"
	var info map[string]string
	var silent error
	for _, node := range nodes {
		text, err := node.Do(ctx, node.B().ClusterInfo().Build()).ToString()
		if err != nil {
			silent = err
			continue
		}
		if told := parseInfo(text); info == nil || told["cluster_state"] != "ok" {
			info = told
		}
	}
	switch {
	case info == nil:
		v.found(Unknown, subject, fmt.Sprintf("its state is not told: %v", silent), "ask as a user with +cluster|info")
	case info["cluster_state"] != "ok":
		v.found(Problem, subject, fmt.Sprintf("its state is %q, %s of 16384 slots are served", info["cluster_state"], info["cluster_slots_ok"]), "valkey-cli --cluster check HOST:PORT says which; start what is down, or assign the slots")
	default:
		v.fine(subject, "%s primaries serve all slots", info["cluster_size"])
	}
}
