package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxValues is how many lists, keys and values a file may hold, counted by the marks
// between them: room for some 50,000 identities.
const MaxValues = 1 << 20

// A Field is one `key: value` of a YAML file that is read strictly: one
// document, no key twice, and no aliases, so that every value can be read
// where it stands.
type Field struct {
	Key string
	// The place of the key, as "config.yaml:3:1".
	Where string
	Value Node
}

// A Node is the value of a Field.
type Node struct {
	// The place of the value.
	Where string
	file  string
	yaml  *yaml.Node
}

// ParseDocument reads a file that is a mapping. Name is what problems call it.
// It may hold MaxValues values, about, so that a file of something else does not
// become hundreds of times as large in memory.
func ParseDocument(name string, text []byte) ([]Field, Problems) {
	values := 0
	for _, b := range text {
		switch b {
		case '\n', ',', ':', '[', '{':
			// which every value of YAML has beside it
			values++
		}
	}
	if values > MaxValues {
		return nil, Problems{{name, fmt.Sprintf("the file holds some %d values, limit %d: is it the right one?", values, MaxValues)}}
	}
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, Problems{syntaxProblem(name, err)}
	}
	if err := dec.Decode(&second); err == nil {
		return nil, Problems{{newNode(name, &second).Where, "the file must hold one YAML document, and a second one starts here"}}
	} else if !errors.Is(err, io.EOF) {
		return nil, Problems{syntaxProblem(name, err)}
	}
	root := newNode(name, doc.Content[0])
	if root.isNull() {
		return nil, nil
	}
	return root.Fields()
}

func newNode(file string, n *yaml.Node) Node {
	return Node{Where: fmt.Sprintf("%s:%d:%d", file, n.Line, n.Column), file: file, yaml: n}
}

func (n Node) isNull() bool { return n.yaml.Kind == yaml.ScalarNode && n.yaml.Tag == "!!null" }

// Text returns a scalar as it is written.
func (n Node) Text() (string, bool) {
	return n.yaml.Value, n.yaml.Kind == yaml.ScalarNode && !n.isNull()
}

// List returns a sequence of scalars, or one scalar as a list of itself.
func (n Node) List() ([]string, bool) {
	if text, ok := n.Text(); ok {
		return []string{text}, true
	}
	if n.yaml.Kind != yaml.SequenceNode {
		return nil, false
	}
	list := make([]string, len(n.yaml.Content))
	for i, item := range n.yaml.Content {
		text, ok := newNode(n.file, item).Text()
		if !ok {
			return nil, false
		}
		list[i] = text
	}
	return list, true
}

// Fields returns a mapping, without the keys that it reports as problems.
func (n Node) Fields() (fields []Field, problems Problems) {
	if n.yaml.Kind != yaml.MappingNode {
		return nil, Problems{{n.Where, "a list of keys with values is wanted here, such as `max_memory: 512MiB`"}}
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.yaml.Content); i += 2 {
		key, value := newNode(n.file, n.yaml.Content[i]), newNode(n.file, n.yaml.Content[i+1])
		text, ok := key.Text()
		if !ok {
			problems.Report(key.Where, "a key must be plain text")
			continue
		}
		if line, ok := seen[text]; ok {
			problems.Report(key.Where, "%s: already set on line %d", text, line)
			continue
		}
		seen[text] = key.yaml.Line
		fields = append(fields, Field{text, key.Where, value})
	}
	return fields, problems
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

func syntaxProblem(name string, err error) Problem {
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		return Problem{name + ":" + m[1], "not YAML: " + strings.TrimPrefix(text, m[0])}
	}
	return Problem{name + ":1", "not YAML: " + strings.TrimPrefix(text, "yaml: ")}
}
