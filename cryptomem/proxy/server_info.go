package proxy

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
)

// sections are those of INFO, in its order. Clients look for some of these lines
// before they call a server ready.
var sections = []struct {
	name  string
	lines func(*Session) []string
}{
	{"Server", func(s *Session) []string {
		uptime := int(s.proxy.settings.Clock.Since(s.proxy.started).Seconds())
		return []string{
			"redis_version:" + RedisVersion,
			"redis_mode:standalone",
			"os:cryptomem proxy",
			"arch_bits:64",
			fmt.Sprintf("process_id:%d", os.Getpid()),
			"run_id:" + s.proxy.runID,
			fmt.Sprintf("uptime_in_seconds:%d", uptime),
			fmt.Sprintf("uptime_in_days:%d", uptime/86400),
		}
	}},
	{"Clients", func(s *Session) []string {
		return []string{fmt.Sprintf("connected_clients:%d", len(s.proxy.all())), "blocked_clients:0"}
	}},
	{"Memory", func(*Session) []string { return []string{"maxmemory:0", "maxmemory_policy:" + evictionPolicy} }},
	{"Persistence", func(*Session) []string { return []string{"loading:0", "rdb_bgsave_in_progress:0", "aof_enabled:0"} }},
	{"Stats", func(s *Session) []string {
		return []string{
			fmt.Sprintf("total_connections_received:%d", s.proxy.counts.connections.Load()),
			fmt.Sprintf("total_commands_processed:%d", s.proxy.counts.processed()),
		}
	}},
	{"Replication", func(*Session) []string { return []string{"role:master", "connected_slaves:0"} }},
	{"Cluster", func(*Session) []string { return []string{"cluster_enabled:0"} }},
	{"Keyspace", func(s *Session) []string {
		n, err := s.countNames(maxCounted)
		if n == 0 || err != nil {
			return nil
		}
		return []string{fmt.Sprintf("db%d:keys=%d,expires=0,avg_ttl=0", s.database, n)}
	}},
}

const (
	// maxCounted is how many names INFO counts before it leaves it at that.
	maxCounted = 1000
	// evictionPolicy is how the proxy calls what the upstream does when it is full.
	evictionPolicy = "allkeys-lru"
)

func info(s *Session, args [][]byte) {
	wanted := func(name string) bool {
		if len(args) == 1 {
			return true
		}
		for _, a := range args[1:] {
			if command.Is(a, name) || command.Is(a, "all") || command.Is(a, "everything") || command.Is(a, "default") {
				return true
			}
		}
		return false
	}
	var text strings.Builder
	for _, section := range sections {
		if !wanted(section.name) {
			continue
		}
		if text.Len() > 0 {
			text.WriteString("\r\n")
		}
		text.WriteString("# " + section.name + "\r\n")
		for _, line := range section.lines(s) {
			text.WriteString(line + "\r\n")
		}
	}
	s.out = s.version.AppendVerbatim(s.out, text.String())
}

// settingsOfRedis are what CONFIG GET tells, by name.
func (s *Session) settingsOfRedis() [][2]string {
	return [][2]string{
		{"appendonly", "no"},
		{"databases", fmt.Sprint(s.proxy.settings.Databases)},
		{"maxmemory", "0"},
		{"maxmemory-policy", evictionPolicy},
		{"notify-keyspace-events", ""},
		{"proto-max-bulk-len", fmt.Sprint(s.proxy.settings.Commands.MaxString)},
		{"save", ""},
		{"timeout", "0"},
	}
}

func configGet(s *Session, args [][]byte) {
	var found [][2]string
	for _, setting := range s.settingsOfRedis() {
		for _, pattern := range args[2:] {
			if command.Match(bytes.ToLower(pattern), []byte(setting[0])) {
				found = append(found, setting)
				break
			}
		}
	}
	s.out = s.version.AppendMap(s.out, len(found))
	for _, setting := range found {
		s.out = resp.AppendBulk(resp.AppendBulk(s.out, setting[0]), setting[1])
	}
}

func timeNow(s *Session, _ [][]byte) { s.out = appendTime(s.out, s.proxy.settings.Clock.Now()) }

func appendTime(dst []byte, t time.Time) []byte {
	dst = resp.AppendArray(dst, 2)
	dst = resp.AppendBulk(dst, fmt.Sprint(t.Unix()))
	return resp.AppendBulk(dst, fmt.Sprint(t.Nanosecond()/1000))
}

func role(s *Session, _ [][]byte) {
	s.out = resp.AppendArray(s.out, 3)
	s.out = resp.AppendBulk(s.out, "master")
	s.out = resp.AppendInt(s.out, 0)
	s.out = resp.AppendArray(s.out, 0)
}

func wait(s *Session, args [][]byte) {
	if _, ok := s.intArg(args[1]); !ok {
		return
	}
	n, ok := resp.ParseInt(args[2])
	switch {
	case !ok:
		s.reply("-ERR timeout is not an integer or out of range")
	case n < 0:
		s.reply("-ERR timeout is negative")
	default:
		s.reply(":0")
	}
}

func cluster(s *Session, _ [][]byte) {
	s.reply("-ERR This instance has cluster support disabled")
}
