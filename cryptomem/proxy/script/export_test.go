package script

// ErrDefect is what a run ends with when the machine itself fails.
var ErrDefect = errDefect
