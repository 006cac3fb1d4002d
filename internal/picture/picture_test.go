package picture_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop/internal/picture"
)

func TestFormat(t *testing.T) {
	for data, want := range map[string]string{
		"\x89PNG\r\n\x1a\nIHDR":     picture.PNG,
		"\xff\xd8\xff\xe0":          picture.JPEG,
		"GIF87a\x01\x00":            picture.GIF,
		"GIF89a":                    picture.GIF,
		"RIFF\x00\x00\x00\x00WEBPV": picture.WebP,
		"RIFF\x00\x00\x00\x00WAVE":  "",
		"RIFF":                      "",
		"\x89PNG":                   "",
		"%PDF-1.7":                  "",
		"":                          "",
	} {
		if got := picture.Format([]byte(data)); got != want {
			t.Errorf("%q is %q, want %q", data, got, want)
		}
	}
}
