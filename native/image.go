package native

import (
	"encoding/base64"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/picture"
)

// sniffedImage is a base64 image in a format that its first bytes tell.
func sniffedImage(encoded, at string) (*bedrock.ImageBlock, error) {
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, bad(at, "the string is not valid base64")
	}
	format := picture.Format(data)
	if format == "" {
		return nil, bad(at, "expected a PNG, JPEG, GIF or WebP image")
	}
	return &bedrock.ImageBlock{Format: bedrock.ImageFormat(format), Source: bedrock.ImageSource{Bytes: data}}, nil
}
