package config

import "strings"

// Suggest names the one of the allowed words that was probably meant, or all.
func Suggest(word string, allowed []string) string {
	if meant := Meant(word, allowed); meant != "" {
		return "did you mean " + meant + "?"
	}
	return "allowed: " + strings.Join(allowed, ", ")
}

// synonyms are what settings are called elsewhere.
var synonyms = map[string]string{
	"port": "addr", "host": "addr", "listen": "addr", "bind": "addr", "address": "addr",
	"memory": "max_memory", "maxmemory_policy": "eviction", "policy": "eviction",
	"ttl": "default_ttl", "maxclients": "max_connections", "clients": "max_connections", "timeout": "idle_timeout",
	"cert": "tls_cert", "certificate": "tls_cert", "tls_port": "tls_addr",
	"users": "identities", "password": "identities", "requirepass": "identities",
	"metrics": "admin", "pprof": "admin_pprof", "verbose": "log_level", "debug": "log_level",
}

// Meant returns the one of the allowed words that was probably meant, empty if
// there is none. Words are settings' names, their variables or their flags.
func Meant(word string, allowed []string) string {
	synonym := synonyms[plain(word)]
	for _, a := range allowed {
		if synonym != "" && plain(a) == synonym {
			return a
		}
	}
	if meant := Closest(word, allowed); meant != "" {
		return meant
	}
	return contained(word, allowed)
}

// contained returns the longest of the allowed words that a word begins or ends
// with, as admin in admin_addr; empty if there is none.
func contained(word string, allowed []string) (found string) {
	word = plain(word)
	for _, a := range allowed {
		part := plain(a)
		if len(a) > len(found) && (strings.HasPrefix(word, part+"_") || strings.HasSuffix(word, "_"+part)) {
			found = a
		}
	}
	return found
}

// plain is the name of a setting that a word, a variable or a flag stands for.
func plain(word string) string {
	word = strings.ReplaceAll(strings.ToLower(word), "-", "_")
	return strings.TrimPrefix(strings.TrimPrefix(word, "cryptomem_"), "proxy_")
}

// Closest returns the allowed word that takes the fewest edits to become: three
// at most, and fewer than would change half of it.
func Closest(word string, allowed []string) string {
	if len(word) > 100 {
		return "" // which is no slip of a finger
	}
	best, distance := "", 4
	for _, a := range allowed {
		if d := editDistance(word, a); d < distance && 2*d < max(len(word), len(a)) {
			best, distance = a, d
		}
	}
	return best
}

// editDistance counts the letters to insert, delete or replace (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
