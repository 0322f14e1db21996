package cli

import "strings"

// manPage is all help texts as one page of section 1, for man(1).
func manPage() string {
	var page strings.Builder
	name, _ := buildVersion()
	page.WriteString(`.TH CRYPTOMEM 1 "" "cryptomem ` + roff(name) + `" "User Commands"` + "\n.ad l\n.nh\n" +
		".SH NAME\ncryptomem \\- an in\\-memory store that cannot read what it holds\n" +
		".SH DESCRIPTION\n")
	writeRoff(&page, usage)
	page.WriteString(".SH COMMANDS\n")
	for _, cmd := range commands() {
		page.WriteString(".SS cryptomem " + cmd.name + "\n")
		writeRoff(&page, cmd.help)
	}
	return page.String()
}

// writeRoff sets a help text: options as a list, other lines that are indented as
// they are, the rest as paragraphs.
func writeRoff(page *strings.Builder, help string) {
	const (
		prose = iota
		listed
		verbatim
	)
	state := prose
	to := func(next int) {
		if state == verbatim && next != verbatim {
			page.WriteString(".EE\n.RE\n")
		}
		if state != verbatim && next == verbatim {
			page.WriteString(".RS\n.EX\n")
		}
		state = next
	}
	for line := range strings.Lines(help) {
		line = strings.TrimRight(line, "\n")
		o, isOption := parseOption(line)
		switch {
		case isOption:
			to(listed)
			writeOption(page, o)
		case state == listed && isContinuation(line):
			page.WriteString(roffLine(strings.TrimSpace(line)))
		case strings.HasPrefix(line, "    "):
			to(verbatim)
			page.WriteString(roffLine(line[4:]))
		case line == "":
			to(prose)
			page.WriteString(".PP\n")
		case line == "Usage:" || line == "Example:":
			to(prose)
			page.WriteString(".B " + line + "\n")
		default:
			to(prose)
			page.WriteString(roffLine(line))
		}
	}
	to(prose)
}

func writeOption(page *strings.Builder, o option) {
	form := o.form()
	if o.short != "" {
		form = "-" + o.short + ", " + form
	}
	page.WriteString(".TP\n.B " + roff(form) + "\n")
	if o.text != "" {
		page.WriteString(roffLine(o.text))
	}
}

// roffLine escapes a line of text, so that no part of it is a request.
func roffLine(line string) string {
	line = roff(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	return line + "\n"
}

// roff escapes what roff would take for its own.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
}
