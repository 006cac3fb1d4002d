package objects

import (
	"strings"
)

// A key's parts between slashes become file names. Most stay as they are. What
// a file system may refuse, or would read as something else, is written with
// percent signs, so that every key has exactly one path and the key can be
// read back from it:
//
//	%XX   one byte: control characters, \ : * ? " < > | and % itself,
//	      and the dots of the parts "." and ".."
//	%-    a part that is empty, as in a//b or a/
//	%+    at the end of a directory's name: the part goes on in the next name,
//	      because it is longer than a file name may be
//	%~    at the beginning: a file that is being written, no object
//
// A file laid by hand under a name that is not written this way is no object.
const (
	emptyPart  = "%-"
	continued  = "%+"
	unfinished = "%~"
)

// maxName is where a name is continued in the next one; file systems take 255
// bytes.
const maxName = 200

const hexDigits = "0123456789ABCDEF"

// encodeKey is the path of a key below its bucket, with slashes.
func encodeKey(key string) string {
	var b strings.Builder
	for i, part := range strings.Split(key, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		encodePart(&b, part)
	}
	return b.String()
}

func encodePart(b *strings.Builder, part string) {
	if part == "" {
		b.WriteString(emptyPart)
		return
	}
	dots := part == "." || part == ".."
	length := 0
	for _, c := range []byte(part) {
		size := 1
		escape := dots || !plain(c)
		if escape {
			size = 3
		}
		if length+size > maxName {
			b.WriteString(continued + "/")
			length = 0
		}
		length += size
		if escape {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		} else {
			b.WriteByte(c)
		}
	}
}

// plain tells whether a byte of a key stands for itself.
func plain(c byte) bool {
	return c >= ' ' && c != 0x7f && !strings.ContainsRune(`%\:*?"<>|/`, rune(c))
}

// decodeName reads the part of a key that a file's name stands for, and
// whether the part goes on in the names below. ok is false for names that
// encodeKey never writes.
func decodeName(name string) (part string, more, ok bool) {
	if name == emptyPart {
		return "", false, true
	}
	rest, more := strings.CutSuffix(name, continued)
	text := make([]byte, 0, len(rest))
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		if c != '%' {
			text = append(text, c)
			continue
		}
		if i+2 >= len(rest) {
			return "", false, false
		}
		high, low := strings.IndexByte(hexDigits, rest[i+1]), strings.IndexByte(hexDigits, rest[i+2])
		if high < 0 || low < 0 {
			return "", false, false
		}
		text = append(text, byte(high<<4|low))
		i += 2
	}
	return string(text), more, len(text) > 0 && canonical(string(text), rest)
}

// canonical tells whether a name is the one that encodePart writes, so that
// %41 is no second name for A.
func canonical(part, name string) bool {
	if strings.Contains(part, "/") {
		return false
	}
	var b strings.Builder
	encodePart(&b, part)
	return b.String() == name
}
