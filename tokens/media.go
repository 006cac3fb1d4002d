package tokens

import (
	"errors"
	"math"

	"github.com/outcrop-ai/outcrop/internal/picture"
)

// Media says what pictures and documents cost a family's models. The rules are
// the ones vendors publish; where none is published the default is Claude's.
type Media struct {
	// PixelsPerToken: an image costs width × height / PixelsPerToken.
	PixelsPerToken float64
	// LongEdge is the size in pixels to which a larger image is scaled first,
	// keeping its proportions.
	LongEdge int
	// ImageMin and ImageMax bound the tokens of one image.
	ImageMin, ImageMax int
	// ImageUnknown is taken for an image whose size cannot be read.
	ImageUnknown int
	// PageTokens is one page of a paged document (PDF), text and picture.
	PageTokens int
	// PageBytes guesses the pages of a document from its size.
	PageBytes int
	// OfficeBytesPerToken is for compressed office formats (docx, xlsx).
	OfficeBytesPerToken float64
}

// defaultMedia. Sources: Claude's vision guide (width × height / 750, long edge
// 1568, about 1,600 tokens at most; 2576 and 4,784 from 4.7 on) and published
// counts of PDF pages (2,100 to 2,350 a page of text). The others are assumed.
var defaultMedia = map[Family]Media{
	Claude:    {PixelsPerToken: 750, LongEdge: 1568, ImageMin: 1, ImageMax: 1600, ImageUnknown: 1600, PageTokens: 2200, PageBytes: 50_000, OfficeBytesPerToken: 8},
	ClaudeNew: {PixelsPerToken: 750, LongEdge: 2576, ImageMin: 1, ImageMax: 4784, ImageUnknown: 1600, PageTokens: 2400, PageBytes: 50_000, OfficeBytesPerToken: 7},
	Nova:      {PixelsPerToken: 650, LongEdge: 8000, ImageMin: 200, ImageMax: 4000, ImageUnknown: 1600, PageTokens: 2200, PageBytes: 50_000, OfficeBytesPerToken: 8},
	Llama:     {PixelsPerToken: 196, LongEdge: 1120, ImageMin: 1601, ImageMax: 6404, ImageUnknown: 1601, PageTokens: 2200, PageBytes: 50_000, OfficeBytesPerToken: 8},
	Mistral:   {PixelsPerToken: 256, LongEdge: 1024, ImageMin: 1, ImageMax: 4160, ImageUnknown: 4160, PageTokens: 2200, PageBytes: 50_000, OfficeBytesPerToken: 8},
	Other:     {PixelsPerToken: 750, LongEdge: 1568, ImageMin: 1, ImageMax: 1600, ImageUnknown: 1600, PageTokens: 2200, PageBytes: 50_000, OfficeBytesPerToken: 8},
}

// Image estimates one image of the given size in pixels. A size that is not
// known, zero or negative, costs ImageUnknown.
func (m Model) Image(width, height int) int {
	if width <= 0 || height <= 0 {
		return m.media.ImageUnknown
	}
	w, h := float64(width), float64(height)
	if long := max(w, h); long > float64(m.media.LongEdge) {
		scale := float64(m.media.LongEdge) / long
		w, h = w*scale, h*scale
	}
	n := math.Ceil(w * h / m.media.PixelsPerToken)
	return int(min(max(n, float64(m.media.ImageMin)), float64(m.media.ImageMax)))
}

// ImageData is Image for an encoded PNG, JPEG, GIF or WebP, whose header it
// reads.
func (m Model) ImageData(data []byte) int {
	w, h, _ := ImageSize(data)
	return m.Image(w, h)
}

// ImageSize reads the size in pixels from the header of a PNG, GIF, WebP or
// JPEG. It reads no pixel and does not check that the picture is whole; ok is
// false when no size was found.
func ImageSize(data []byte) (width, height int, ok bool) { return picture.Size(data) }

// Pages estimates a paged document.
func (m Model) Pages(pages int) int { return max(pages, 0) * m.media.PageTokens }

// Document estimates a document by its format, Converse's names: text formats
// are counted as text, a PDF by pages guessed from its size, office formats by
// bytes.
func (m Model) Document(format string, data []byte) int {
	switch format {
	case "pdf":
		return m.Pages((len(data) + m.media.PageBytes - 1) / m.media.PageBytes)
	case "doc", "docx", "xls", "xlsx":
		return int(math.Ceil(float64(len(data)) / m.media.OfficeBytesPerToken))
	}
	return m.TextBytes(data)
}

func (r Media) validate() error {
	switch {
	case r.PixelsPerToken < 0:
		return errors.New("pixelsPerToken: must not be negative")
	case r.LongEdge < 0, r.ImageMin < 0, r.ImageMax < 0, r.ImageUnknown < 0:
		return errors.New("longEdge, imageMin, imageMax, imageUnknown: must not be negative")
	case r.PageTokens < 0, r.PageBytes < 0, r.OfficeBytesPerToken < 0:
		return errors.New("pageTokens, pageBytes, officeBytesPerToken: must not be negative")
	}
	return nil
}

// or fills r's zero fields from d.
func (r Media) or(d Media) Media {
	if r.PixelsPerToken == 0 {
		r.PixelsPerToken = d.PixelsPerToken
	}
	if r.LongEdge == 0 {
		r.LongEdge = d.LongEdge
	}
	if r.ImageMin == 0 {
		r.ImageMin = d.ImageMin
	}
	if r.ImageMax == 0 {
		r.ImageMax = d.ImageMax
	}
	if r.ImageUnknown == 0 {
		r.ImageUnknown = d.ImageUnknown
	}
	if r.PageTokens == 0 {
		r.PageTokens = d.PageTokens
	}
	if r.PageBytes == 0 {
		r.PageBytes = d.PageBytes
	}
	if r.OfficeBytesPerToken == 0 {
		r.OfficeBytesPerToken = d.OfficeBytesPerToken
	}
	return r
}
