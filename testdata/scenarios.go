package testdata

import (
	"embed"
	"path"
	"strings"
)

//go:embed scenarios/*.txt
var scenarios embed.FS

// A Scenario is a script for the simulator, in the language of
// docs/simulation.md.
type Scenario struct {
	// Name of the file, without directory and ending.
	Name string
	// File from the module's root.
	File string
	Text string
}

// Scenarios returns the files in scenarios/, in the order of their names.
func Scenarios() ([]Scenario, error) {
	entries, err := scenarios.ReadDir("scenarios")
	if err != nil {
		return nil, err
	}
	var all []Scenario
	for _, e := range entries {
		file := path.Join("scenarios", e.Name())
		text, err := scenarios.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all = append(all, Scenario{strings.TrimSuffix(e.Name(), ".txt"), path.Join("testdata", file), string(text)})
	}
	return all, nil
}
