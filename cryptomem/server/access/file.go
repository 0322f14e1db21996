package access

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// The limits of what an identity can be given; the highest are as they are for
// all of them together.
const (
	maxConnections = 1_000_000
	minMemory      = 1 << 10 // less means that the unit was forgotten
	maxMemory      = 1 << 40

	// maxList is how many tokens, certificates, namespaces or prefixes an identity has
	// at most: each request of its is compared with all prefixes.
	maxList = 1000
)

// parse reads an identities file, and reports all that is wrong with it.
func parse(name string, text []byte) ([]*identity, config.Problems) {
	p := parser{certificates: make(map[string]string)}
	fields, problems := config.ParseDocument(name, text)
	p.problems = problems
	if len(fields) == 0 && len(problems) == 0 {
		// More likely cut off or half written than meant: it would lock everybody out.
		p.report(name+":1:1", "the file names no identity; `cryptomem token` prints what to put there")
	}
	identities := make([]*identity, 0, len(fields))
	for _, f := range fields {
		if p.problems.Full() {
			break
		}
		identities = append(identities, p.identity(f))
	}
	return identities, p.problems
}

type parser struct {
	problems config.Problems
	// A certificate's name -> the identity.
	certificates map[string]string
}

func (p *parser) report(where, format string, args ...any) {
	p.problems.Report(where, format, args...)
}

// A setting is one key of an identity. Its apply returns what is allowed if the
// values, one unless it is a list, are something else.
type setting struct {
	key   string
	list  bool
	apply func(p *parser, id *identity, values []string) error
}

var settings = []setting{
	{"tokens", true, (*parser).tokens},
	{"certificates", true, (*parser).certificateNames},
	{"namespaces", true, (*parser).namespaces},
	{"prefixes", true, (*parser).prefixes},
	{"read_only", false, func(_ *parser, id *identity, v []string) error { return toggle(&id.readOnly, v[0]) }},
	{"stats", false, func(_ *parser, id *identity, v []string) error { return toggle(&id.stats, v[0]) }},
	{"scan", false, func(_ *parser, id *identity, v []string) error {
		scan := false
		err := toggle(&scan, v[0])
		id.noScan = err == nil && !scan
		return err
	}},
	{"max_connections", false, (*parser).maxConnections},
	{"max_value_size", false, func(_ *parser, id *identity, v []string) error {
		return size(&id.maxValueSize, v[0], 1, cache.MaxValueSizeLimit)
	}},
	{"max_memory", false, func(_ *parser, id *identity, v []string) error {
		return size(&id.maxMemory, v[0], minMemory, maxMemory)
	}},
}

func (p *parser) identity(f config.Field) *identity {
	id := &identity{name: f.Key}
	if n := len(f.Key); n == 0 || n > server.MaxIdentitySize {
		p.report(f.Where, "an identity's name is %d bytes; allowed: 1 to %d", n, server.MaxIdentitySize)
	}
	before := len(p.problems)
	fields, problems := f.Value.Fields()
	p.problems.Join(problems)
	for _, field := range fields {
		p.set(id, field)
	}
	if len(p.problems) > before {
		// what seems to be missing may only be written wrong
		return id
	}
	if len(id.tokens) == 0 && len(id.certificates) == 0 {
		p.report(f.Where, "%s: it has no way to authenticate; give it tokens or certificates", id.name)
	}
	if len(id.prefixes) == 0 && !id.stats {
		p.report(f.Where, "%s: it may touch no key; give it namespaces, or prefixes ([\"\"] is every key), or stats: true", id.name)
	}
	return id
}

func (p *parser) set(id *identity, f config.Field) {
	allowed := make([]string, len(settings))
	for i, s := range settings {
		allowed[i] = s.key
		if s.key != f.Key {
			continue
		}
		values, ok := f.Value.List()
		switch {
		case !ok || !s.list && len(values) != 1:
			p.report(f.Value.Where, "%s: %s: the value has the wrong form", id.name, f.Key)
			return
		case len(values) > maxList:
			p.report(f.Value.Where, "%s: %s: the list has %d entries, limit %d", id.name, f.Key, len(values), maxList)
			return
		}
		if err := s.apply(p, id, values); err != nil {
			p.report(f.Value.Where, "%s: %s: %v", id.name, f.Key, err)
		}
		return
	}
	p.report(f.Where, "%s: unknown key %s; %s", id.name, wire.Quote([]byte(f.Key)), config.Suggest(f.Key, allowed))
}

func (p *parser) tokens(id *identity, values []string) error {
	for _, v := range values {
		hash, err := parseHash(v)
		if err != nil {
			return err
		}
		id.tokens = append(id.tokens, hash)
	}
	return nil
}

func (p *parser) certificateNames(id *identity, values []string) error {
	for _, v := range values {
		if v == "" {
			return fmt.Errorf("a name in a certificate is not empty")
		}
		if other, ok := p.certificates[v]; ok {
			return fmt.Errorf("%q already stands for %s", v, other)
		}
		p.certificates[v] = id.name
		id.certificates = append(id.certificates, v)
	}
	return nil
}

func (p *parser) namespaces(id *identity, values []string) error {
	for _, v := range values {
		if n := len(v); n == 0 || n > sealing.MaxNamespace {
			return fmt.Errorf("a namespace is %d bytes; allowed: 1 to %d", n, sealing.MaxNamespace)
		}
		id.prefixes = append(id.prefixes, []byte(sealing.NamespacePrefix(v)))
	}
	return nil
}

func (p *parser) prefixes(id *identity, values []string) error {
	for _, v := range values {
		id.prefixes = append(id.prefixes, []byte(v))
	}
	return nil
}

func (p *parser) maxConnections(id *identity, values []string) error {
	n, err := strconv.Atoi(values[0])
	if err != nil || n < 1 || n > maxConnections {
		return fmt.Errorf("%q is not allowed; allowed: a whole number from 1 to %d", values[0], maxConnections)
	}
	id.maxConnections = int64(n)
	return nil
}

func size(p *int64, text string, least, most int64) error {
	n, err := quantity.ParseSize(text)
	if ambiguous := (*quantity.AmbiguousError)(nil); errors.As(err, &ambiguous) {
		return err
	}
	if err != nil || n < least || n > most {
		return fmt.Errorf("%q is not allowed; allowed: a size from %s to %s, such as 64KiB", text, quantity.FormatSize(least), quantity.FormatSize(most))
	}
	*p = n
	return nil
}

func toggle(p *bool, text string) error {
	on, err := quantity.ParseSwitch(text)
	if err != nil {
		return fmt.Errorf("%q is not allowed; allowed: true or false", text)
	}
	*p = on
	return nil
}
