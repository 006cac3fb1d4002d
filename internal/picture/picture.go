// Package picture reads the headers of images: which format they have, and how
// large they are. It reads no pixel and does not check that a picture is whole.
package picture

import (
	"bytes"
	"encoding/binary"
)

// The formats that [Format] tells apart, as Amazon Bedrock names them.
const (
	PNG  = "png"
	JPEG = "jpeg"
	GIF  = "gif"
	WebP = "webp"
)

// Format is the format that data begins as, or "" for none of the four.
func Format(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return PNG
	case bytes.HasPrefix(data, []byte{0xFF, 0xD8}):
		return JPEG
	case bytes.HasPrefix(data, []byte("GIF87a")), bytes.HasPrefix(data, []byte("GIF89a")):
		return GIF
	case bytes.HasPrefix(data, []byte("RIFF")) && len(data) >= 12 && string(data[8:12]) == "WEBP":
		return WebP
	}
	return ""
}

// Size is the size in pixels; ok is false when none was found.
func Size(data []byte) (width, height int, ok bool) {
	switch format := Format(data); {
	case format == PNG && len(data) >= 24:
		width = int(binary.BigEndian.Uint32(data[16:]))
		height = int(binary.BigEndian.Uint32(data[20:]))
	case format == GIF && len(data) >= 10:
		width = int(binary.LittleEndian.Uint16(data[6:]))
		height = int(binary.LittleEndian.Uint16(data[8:]))
	case format == WebP && len(data) >= 30:
		width, height = webpSize(data)
	case format == JPEG:
		width, height = jpegSize(data)
	}
	const most = 1 << 20 // beyond any picture a model takes
	if width <= 0 || height <= 0 || width > most || height > most {
		return 0, 0, false
	}
	return width, height, true
}

// webpSize reads the three forms of the first WebP chunk (RFC 9649, section 2).
func webpSize(data []byte) (width, height int) {
	switch string(data[12:16]) {
	case "VP8 ":
		width = int(binary.LittleEndian.Uint16(data[26:]) & 0x3FFF)
		height = int(binary.LittleEndian.Uint16(data[28:]) & 0x3FFF)
	case "VP8L":
		bits := binary.LittleEndian.Uint32(data[21:])
		width = int(bits&0x3FFF) + 1
		height = int(bits>>14&0x3FFF) + 1
	case "VP8X":
		width = int(data[24]) | int(data[25])<<8 | int(data[26])<<16
		height = int(data[27]) | int(data[28])<<8 | int(data[29])<<16
		width, height = width+1, height+1
	}
	return width, height
}

// jpegSize walks the segments to the start of frame (ITU-T T.81, B.2.2).
func jpegSize(data []byte) (width, height int) {
	for i := 2; i+9 <= len(data); {
		if data[i] != 0xFF {
			return 0, 0
		}
		marker := data[i+1]
		switch {
		case marker == 0xFF: // fill byte
			i++
			continue
		case marker == 0x01 || marker >= 0xD0 && marker <= 0xD8: // no length
			i += 2
			continue
		case marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC:
			height = int(binary.BigEndian.Uint16(data[i+5:]))
			width = int(binary.BigEndian.Uint16(data[i+7:]))
			return width, height
		}
		size := int(binary.BigEndian.Uint16(data[i+2:]))
		if size < 2 {
			return 0, 0
		}
		i += 2 + size
	}
	return 0, 0
}
