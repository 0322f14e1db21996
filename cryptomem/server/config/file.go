package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/Zezezknight/cryptomem/sealing/safefile"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// maxFileSize is hundreds of times what all settings need.
const maxFileSize = 1 << 20

// readFile reads the settings of the named file, or of the usual one if there is
// one.
func (l *loader[C]) readFile(name string) error {
	chosen := name != ""
	if !chosen {
		name = l.file
	}
	text, err := safefile.Read(name, maxFileSize)
	if errors.Is(err, fs.ErrNotExist) && !chosen {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	*l.read(l.config) = name
	l.parse(name, text)
	return nil
}

// parse sets what the text of a file says.
func (l *loader[C]) parse(name string, text []byte) {
	fields, problems := ParseDocument(name, text)
	l.problems.Join(problems)
	for _, f := range fields {
		if l.problems.Full() {
			return
		}
		s, ok := l.find(f.Key)
		if !ok {
			l.problems.Report(f.Where, "unknown key %s; %s", wire.Quote([]byte(f.Key)), Suggest(f.Key, l.names()))
			continue
		}
		parts, ok := f.Value.List()
		if !ok || len(parts) > 1 && s.Kind() != "addresses" {
			l.report(s.Name, f.Value.Where, "the value has the wrong form; allowed: %s", s.Allowed())
			continue
		}
		l.set(s, strings.Join(parts, ","), f.Value.Where)
	}
}
