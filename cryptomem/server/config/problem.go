package config

import (
	"fmt"
	"strings"
)

// A Problem is one thing that is wrong with a configuration.
type Problem struct {
	// "config.yaml:3:1", "environment CRYPTOMEM_ADDR", "flag --addr".
	Where string
	// What is wrong, and what is allowed.
	Text string
}

func (p Problem) Error() string { return p.Where + ": " + p.Text }

// Problems is the error that Load returns: all that is wrong, not the first.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// About puts the name of a setting before a text about it, unless where names the
// setting already, as a flag and a variable do.
func About(setting, where, text string) string {
	_, flag, isFlag := strings.Cut(where, "flag --")
	_, variable, isVariable := strings.Cut(where, "environment ")
	if isFlag && plain(flag) == setting || isVariable && plain(variable) == setting {
		return text
	}
	return setting + ": " + text
}

// MaxProblems is how many Problems lists at most; one more says that there are
// others. So many mean that the wrong file was named.
const MaxProblems = 50

// maxProblem is the longest text of a problem, in bytes.
const maxProblem = 1 << 10

// Report adds a problem, unless there are MaxProblems already. A long text is cut.
func (p *Problems) Report(where, format string, args ...any) {
	switch n := len(*p); {
	case n < MaxProblems:
		text := fmt.Sprintf(format, args...)
		if len(text) > maxProblem {
			text = text[:maxProblem] + "..."
		}
		*p = append(*p, Problem{where, text})
	case n == MaxProblems:
		*p = append(*p, Problem{where, fmt.Sprintf("and so on: no more than %d problems are listed", MaxProblems)})
	}
}

// Full reports whether no more problems are listed, so that looking on is idle.
func (p Problems) Full() bool { return len(p) > MaxProblems }

// Join adds the problems of more.
func (p *Problems) Join(more Problems) {
	for _, one := range more {
		p.Report(one.Where, "%s", one.Text)
	}
}
