package valkeystore

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// An Address is the location of a store and the credentials for it.
type Address struct {
	// Hosts are "host:port" each: one node, several of one cluster, or, with
	// Sentinel set, sentinels. Empty for a Unix socket.
	Hosts []string

	// Socket is the absolute path of a Unix socket.
	Socket string

	// Sentinel is the name under which the sentinels watch the primary.
	Sentinel string

	TLS bool

	// User may be empty, for the user "default".
	User, Password string

	// SentinelUser and SentinelPassword are for the sentinels themselves.
	SentinelUser, SentinelPassword string

	Database int
}

const (
	defaultPort         = "6379"
	defaultSentinelPort = "26379"
)

// ParseAddress reads an address from a URL:
//
//	valkey://host                             one node, or any node of a cluster
//	valkeys://user:password@host:7000/2       TLS, credentials, database 2
//	valkey://a:7000,b:7000,c:7000             a cluster
//	valkey://a,b,c?sentinel=main              the primary that sentinels call main
//	unix:///run/valkey/valkey.sock?db=2       a Unix socket
//
// The schemes redis and rediss mean the same as valkey and valkeys. The port is
// 6379 unless given, 26379 for sentinels. In user and password, write any character
// other than a letter, digit, "-", "." or "_" as %XX. Further parameters: db,
// sentinel_user, sentinel_password. An unknown one is an error. Errors never contain
// a password.
func ParseAddress(address string) (Address, error) {
	a, err := parseAddress(address)
	if err != nil {
		return Address{}, fmt.Errorf("address of a store: %w", err)
	}
	return a, nil
}

func parseAddress(address string) (a Address, err error) {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		if address == "" {
			return a, errors.New("it is empty, write valkey://localhost:6379")
		}
		return a, errors.New("no scheme, an address begins with valkey://, valkeys://, redis://, rediss:// or unix://")
	}
	if strings.ContainsRune(rest, '#') {
		return a, errors.New(`"#" must be written as %23`)
	}
	rest, query, _ := strings.Cut(rest, "?")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if a.User, a.Password, err = parseCredentials(rest[:at]); err != nil {
			return a, err
		}
		rest = rest[at+1:]
	}
	parameters, err := parseParameters(query)
	if err != nil {
		return a, err
	}
	a.Sentinel = parameters["sentinel"]
	a.SentinelUser, a.SentinelPassword = parameters["sentinel_user"], parameters["sentinel_password"]
	if a.Sentinel == "" && a.SentinelUser+a.SentinelPassword != "" {
		return a, errors.New("credentials for sentinels, but no sentinel=NAME")
	}
	database := parameters["db"]
	switch scheme = strings.ToLower(scheme); scheme {
	case "valkeys", "rediss":
		a.TLS = true
		fallthrough
	case "valkey", "redis":
		hosts, path, _ := strings.Cut(rest, "/")
		if a.Hosts, err = parseHosts(hosts, a.Sentinel != ""); err != nil {
			return a, err
		}
		if path != "" && database != "" {
			return a, errors.New("the database is given twice")
		}
		database += path
	case "unix":
		if a.Sentinel != "" {
			return a, errors.New("a sentinel cannot be on a Unix socket")
		}
		if !strings.HasPrefix(rest, "/") {
			return a, errors.New("the path of a Unix socket must be absolute, as in unix:///run/valkey.sock")
		}
		if a.Socket, err = url.PathUnescape(rest); err != nil {
			return a, errors.New("the path of the Unix socket has a broken % escape")
		}
	default:
		return a, fmt.Errorf("scheme %q is none of valkey, valkeys, redis, rediss, unix; for cryptomem's own server write %s", scheme, cmp.Or(strings.TrimRight(rest, "/"), "host:port"))
	}
	a.Database, err = parseDatabase(database)
	return a, err
}

// parseCredentials never puts any of s into an error: half a password is a
// secret, too.
func parseCredentials(s string) (user, password string, err error) {
	user, password, ok := strings.Cut(s, ":")
	if !ok {
		return "", "", errors.New("a user but no password, write user:password@")
	}
	if user, err = url.PathUnescape(user); err != nil {
		return "", "", errors.New("the user has a broken % escape")
	}
	if password, err = url.PathUnescape(password); err != nil {
		return "", "", errors.New("the password has a broken % escape")
	}
	if password == "" {
		return "", "", errors.New("the password is empty")
	}
	return user, password, nil
}

func parseParameters(query string) (map[string]string, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("the parameters after \"?\" have a broken % escape or a semicolon")
	}
	parameters := make(map[string]string, len(values))
	for name, v := range values {
		switch name {
		case "sentinel", "sentinel_user", "sentinel_password", "db":
		default:
			return nil, fmt.Errorf("parameter %q is none of sentinel, sentinel_user, sentinel_password, db", name)
		}
		switch {
		case len(v) > 1:
			return nil, fmt.Errorf("parameter %q is given twice", name)
		case v[0] == "":
			return nil, fmt.Errorf("parameter %q is empty", name)
		}
		parameters[name] = v[0]
	}
	return parameters, nil
}

func parseHosts(list string, sentinel bool) ([]string, error) {
	port := defaultPort
	if sentinel {
		port = defaultSentinelPort
	}
	var hosts []string
	for h := range strings.SplitSeq(list, ",") {
		host, err := parseHost(h, port)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

func parseHost(s, port string) (string, error) {
	host := s
	if strings.HasPrefix(s, "[") {
		inner, after, ok := strings.Cut(s[1:], "]")
		if !ok || after != "" && after[0] != ':' {
			return "", fmt.Errorf("host %q has brackets that do not match", s)
		}
		if host = inner; net.ParseIP(strings.SplitN(inner, "%", 2)[0]) == nil {
			return "", fmt.Errorf("host %q is no IPv6 address", s)
		}
		if after != "" {
			port = after[1:]
		}
	} else if name, p, ok := strings.Cut(s, ":"); ok {
		if strings.Contains(p, ":") {
			return "", fmt.Errorf("host %q: an IPv6 address is written in brackets", s)
		}
		host, port = name, p
	}
	switch {
	case host == "":
		return "", errors.New("no host")
	case strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/\@?#"<>^|{}[]`, r) }):
		return "", fmt.Errorf("host %q has characters that no host has", host)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' {
		return "", fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	return net.JoinHostPort(host, port), nil
}

func parseDatabase(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("database %q is not a number from 0 to 65535", s)
	}
	return int(n), nil
}

// String returns the address as a URL, with *** for the password and without
// the sentinels' credentials.
func (a Address) String() string {
	var b strings.Builder
	switch {
	case a.Socket != "":
		b.WriteString("unix://")
	case a.TLS:
		b.WriteString("valkeys://")
	default:
		b.WriteString("valkey://")
	}
	if a.Password != "" {
		b.WriteString(url.PathEscape(a.User) + ":***@")
	}
	if a.Socket != "" {
		b.WriteString(strings.ReplaceAll((&url.URL{Path: a.Socket}).EscapedPath(), "@", "%40"))
	} else {
		b.WriteString(strings.Join(a.Hosts, ","))
	}
	parameters := url.Values{}
	if a.Sentinel != "" {
		parameters.Set("sentinel", a.Sentinel)
	}
	if a.Database != 0 {
		parameters.Set("db", strconv.Itoa(a.Database))
	}
	if len(parameters) > 0 {
		b.WriteString("?" + parameters.Encode())
	}
	return b.String()
}
