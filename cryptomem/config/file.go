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

// parse reads a YAML mapping of setting names to scalars, or to sequences of
// scalars where a setting takes several.
func (l *loader) parse(name string, text []byte) {
	report := func(n *yaml.Node, format string, args ...any) { l.report(place(name, n), format, args...) }
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return
	}
	if err != nil {
		l.problems = append(l.problems, syntaxProblem(name, err))
		return
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return
	}
	if root.Kind != yaml.MappingNode {
		report(root, "the file must be a list of settings such as `max_memory: 512MiB`")
		return
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			l.problems = append(l.problems, syntaxProblem(name, err))
			return
		}
		report(&second, "the file must hold one YAML document, and a second one starts here")
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		s, ok := find(key.Value)
		if !ok || key.Kind != yaml.ScalarNode {
			report(key, "unknown key %q; %s", key.Value, suggest(key.Value))
			continue
		}
		if line, ok := seen[key.Value]; ok {
			report(key, "%s: already set on line %d", s.Name, line)
			continue
		}
		seen[key.Value] = key.Line
		text, ok := scalars(value, s.Kind() == "addresses")
		if !ok {
			report(value, "%s: the value has the wrong form; allowed: %s", s.Name, s.Allowed())
			continue
		}
		l.set(s, text, place(name, value))
	}
}

// scalars returns the value as one text. An alias is refused: what a setting
// says should be readable where it stands.
func scalars(n *yaml.Node, several bool) (string, bool) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag != "!!null":
		return n.Value, true
	case n.Kind == yaml.SequenceNode && several:
		parts := make([]string, len(n.Content))
		for i, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return "", false
			}
			parts[i] = item.Value
		}
		return strings.Join(parts, ","), true
	}
	return "", false
}

func place(name string, n *yaml.Node) string {
	return fmt.Sprintf("%s:%d:%d", name, n.Line, n.Column)
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

func syntaxProblem(name string, err error) Problem {
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		return Problem{name + ":" + m[1], "not YAML: " + strings.TrimPrefix(text, m[0])}
	}
	return Problem{name + ":1", "not YAML: " + strings.TrimPrefix(text, "yaml: ")}
}

// suggest names the setting that was probably meant, or all there are.
func suggest(key string) string {
	best, distance := "", 4
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.Name
		if d := editDistance(key, s.Name); d < distance {
			best, distance = s.Name, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "allowed: " + strings.Join(names, ", ")
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
