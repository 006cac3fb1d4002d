// Package inifile changes single settings of an INI file, such as
// ~/.aws/config, and leaves every other byte of it as it is: comments, order,
// white space.
package inifile

import (
	"slices"
	"strings"
)

// File is the text of an INI file by lines. The zero value is an empty file.
type File struct{ lines []string }

// Parse takes a text apart. Any text is a file.
func Parse(text string) *File {
	if text == "" {
		return &File{}
	}
	return &File{strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
}

// String is the file's text, ending in a line break unless it is empty.
func (f *File) String() string {
	if len(f.lines) == 0 {
		return ""
	}
	return strings.Join(f.lines, "\n") + "\n"
}

// section is where a section's lines lie: its heading, and the line after its
// last.
func (f *File) section(name string) (head, end int, ok bool) {
	head = slices.IndexFunc(f.lines, func(l string) bool { return heading(l) == name })
	if head < 0 {
		return 0, 0, false
	}
	end = head + 1
	for end < len(f.lines) && heading(f.lines[end]) == "" {
		end++
	}
	return head, end, true
}

// heading is the name of the section that begins in a line, or "".
func heading(line string) string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "[") {
		return ""
	}
	name, _, ok := strings.Cut(line[1:], "]")
	if !ok {
		return ""
	}
	return strings.Join(strings.Fields(name), " ")
}

// Has tells whether there is a section of that name.
func (f *File) Has(section string) bool {
	_, _, ok := f.section(section)
	return ok
}

// Get is a setting of a section, without what is nested below it.
func (f *File) Get(section, key string) (string, bool) {
	if i := f.find(section, key); i >= 0 {
		_, value, _ := strings.Cut(f.lines[i], "=")
		return strings.TrimSpace(value), true
	}
	return "", false
}

// find is the line of a setting, or -1. Lines that begin with white space are
// nested below another setting.
func (f *File) find(section, key string) int {
	head, end, ok := f.section(section)
	if !ok {
		return -1
	}
	for i := head + 1; i < end; i++ {
		name, _, is := strings.Cut(f.lines[i], "=")
		if is && name == strings.TrimLeft(name, " \t") && strings.TrimSpace(name) == key {
			return i
		}
	}
	return -1
}

// Set gives a setting its value; the section is made at the end of the file
// where there is none.
func (f *File) Set(section, key, value string) {
	line := key + " = " + value
	if i := f.find(section, key); i >= 0 {
		f.lines[i] = line
		return
	}
	_, end, ok := f.section(section)
	if !ok {
		f.Add(section, nil)
		end = len(f.lines)
	}
	for end > 0 && strings.TrimSpace(f.lines[end-1]) == "" {
		end-- // before the blank lines that part it from the next
	}
	f.lines = slices.Insert(f.lines, end, line)
}

// Unset removes a setting.
func (f *File) Unset(section, key string) {
	if i := f.find(section, key); i >= 0 {
		f.lines = slices.Delete(f.lines, i, i+1)
	}
}

// Lines are the lines of a section that say something: no blank ones, and no
// comments.
func (f *File) Lines(section string) []string {
	head, end, ok := f.section(section)
	if !ok {
		return nil
	}
	var lines []string
	for _, line := range f.lines[head+1 : end] {
		if text := strings.TrimSpace(line); text != "" && text[0] != '#' && text[0] != ';' {
			lines = append(lines, line)
		}
	}
	return lines
}

// Add appends a section with its lines.
func (f *File) Add(section string, lines []string) {
	if len(f.lines) > 0 && strings.TrimSpace(f.lines[len(f.lines)-1]) != "" {
		f.lines = append(f.lines, "")
	}
	f.lines = append(append(f.lines, "["+section+"]"), lines...)
}

// Remove removes a section with all its lines.
func (f *File) Remove(section string) {
	head, end, ok := f.section(section)
	if !ok {
		return
	}
	f.lines = slices.Delete(f.lines, head, end)
	for len(f.lines) > 0 && strings.TrimSpace(f.lines[len(f.lines)-1]) == "" {
		f.lines = f.lines[:len(f.lines)-1]
	}
}
