package native

import (
	"bytes"
	"encoding/base64"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// imageMagic is how the bytes of each image format begin.
var imageMagic = []struct {
	format bedrock.ImageFormat
	prefix string
}{
	{bedrock.ImageFormatPng, "\x89PNG\r\n\x1a\n"},
	{bedrock.ImageFormatJpeg, "\xff\xd8\xff"},
	{bedrock.ImageFormatGif, "GIF8"},
	{bedrock.ImageFormatWebp, "RIFF"},
}

// sniffedImage is a base64 image in a format that its first bytes tell.
func sniffedImage(encoded, at string) (*bedrock.ImageBlock, error) {
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, bad(at, "the string is not valid base64")
	}
	for _, m := range imageMagic {
		if bytes.HasPrefix(data, []byte(m.prefix)) {
			return &bedrock.ImageBlock{Format: m.format, Source: bedrock.ImageSource{Bytes: data}}, nil
		}
	}
	return nil, bad(at, "expected a PNG, JPEG, GIF or WebP image")
}
