package config

import "fmt"

// Source is a kind of place that settings come from. A larger one is stronger.
type Source uint8

// The sources.
const (
	FromDefault Source = iota
	FromFile
	FromEnvironment
	FromFlag
)

// Origin is where the value of a setting comes from.
type Origin struct {
	Source Source
	Name   string // of the file, the variable, or the flag with its dashes
	Line   int    // in the file
}

// String is the origin for people: "flag --region", "environment AWS_REGION",
// "outcrop.yaml:3", "default".
func (o Origin) String() string {
	switch o.Source {
	case FromFile:
		return fmt.Sprintf("%s:%d", o.Name, o.Line)
	case FromEnvironment:
		return "environment " + o.Name
	case FromFlag:
		return "flag " + o.Name
	}
	return "default"
}
