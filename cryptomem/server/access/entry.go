package access

import "go.yaml.in/yaml/v3"

// An Entry is one identity as a file says it.
type Entry struct {
	// As NewToken and HashToken return them.
	Tokens         []string `yaml:"tokens,flow,omitempty"`
	Certificates   []string `yaml:"certificates,flow,omitempty"`
	Namespaces     []string `yaml:"namespaces,flow,omitempty"`
	Prefixes       []string `yaml:"prefixes,flow,omitempty"`
	ReadOnly       bool     `yaml:"read_only,omitempty"`
	Stats          bool     `yaml:"stats,omitempty"`
	MaxConnections int      `yaml:"max_connections,omitempty"`
	MaxValueSize   string   `yaml:"max_value_size,omitempty"`
	MaxMemory      string   `yaml:"max_memory,omitempty"`
}

// YAML returns the lines that give the identity its entry in a file. The error
// says what such a file would be refused for.
func (e Entry) YAML(name string) ([]byte, error) {
	text, err := yaml.Marshal(map[string]Entry{name: e})
	if err != nil {
		return nil, err
	}
	if _, problems := parse("entry", text); len(problems) > 0 {
		return nil, problems
	}
	return text, nil
}
