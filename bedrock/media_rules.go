package bedrock

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/internal/picture"
)

// What Amazon Bedrock takes of documents, whatever the model: its user guide's
// page "API restrictions".
const (
	maxDocuments     = 5           // of a request
	maxDocumentBytes = 9 << 20 / 2 // 4.5 MB
)

// ImageLimits are what a model takes of images. Amazon Bedrock itself limits
// neither their number nor their size, and models do. Zero means unlimited.
type ImageLimits struct {
	None  bool // it takes no images at all
	Count int  // of a request, documents counted with them
	Bytes int  // of one image, in base64
	Side  int  // width and height of one image, in pixels

	// Beyond Many images in a request, none may have a side of more than
	// SideOfMany pixels.
	Many, SideOfMany int
}

// misplaced is the error of an image or a document that is not the user's.
func misplaced(b *ContentBlock, field string) error {
	kind := "image"
	if b.Document != nil {
		kind = "document"
	}
	return broken(field+"."+kind, "The %s block at %s stands in a message that is not the user's. Only user messages can hold images and documents.", kind, field)
}

// checkMedia checks the images and documents of messages.
func checkMedia(messages []Message, limits ConverseLimits) error {
	documents, err := checkDocuments(messages, limits.LargeDocuments)
	if err != nil {
		return err
	}
	images := imagesOf(messages)
	if len(images) == 0 {
		return nil
	}
	limit := &limits.Images
	switch total := len(images) + documents; {
	case limit.None:
		return broken(images[0].field, "This model doesn't support the image field for user messages. Remove image and try again.")
	case limit.Count > 0 && total > limit.Count:
		return ofModel("messages", "too many images and documents: %d + %d > %d", len(images), documents, limit.Count)
	}
	for _, image := range images {
		if err := checkImage(image, limit, limit.Many > 0 && len(images) > limit.Many); err != nil {
			return err
		}
	}
	return nil
}

// ofModel words an error as Amazon Bedrock does when the model has found it.
func ofModel(field, format string, args ...any) error {
	return broken(field, "The model returned the following errors: %s: %s", field, fmt.Sprintf(format, args...))
}

// placedImage is an image and where it stands.
type placedImage struct {
	*ImageBlock
	field string
}

// imagesOf lists the images of messages, those in tool results among them.
func imagesOf(messages []Message) []placedImage {
	var images []placedImage
	for i := range messages {
		for j := range messages[i].Content {
			b := &messages[i].Content[j]
			field := fmt.Sprintf("messages.%d.content.%d", i, j)
			if b.Image != nil {
				images = append(images, placedImage{b.Image, field + ".image"})
			}
			if b.ToolResult == nil {
				continue
			}
			for k := range b.ToolResult.Content {
				if image := b.ToolResult.Content[k].Image; image != nil {
					images = append(images, placedImage{image, fmt.Sprintf("%s.toolResult.content.%d.image", field, k)})
				}
			}
		}
	}
	return images
}

// checkImage checks an image whose bytes the request holds; those on S3 are not
// looked at.
func checkImage(image placedImage, limit *ImageLimits, many bool) error {
	data, field := image.Source.Bytes, image.field+".source.bytes"
	if data == nil {
		return nil
	}
	switch is := picture.Format(data); {
	case is == "":
		return ofModel(field, "Could not process image")
	case is != string(image.Format):
		return ofModel(field, "The image was specified using the image/%s media type, but the image appears to be a image/%s image", image.Format, is)
	}
	if n := base64.StdEncoding.EncodedLen(len(data)); limit.Bytes > 0 && n > limit.Bytes {
		return ofModel(field, "image exceeds %d MB maximum: %d bytes > %d bytes", limit.Bytes>>20, n, limit.Bytes)
	}
	width, height, _ := picture.Size(data)
	switch side := max(width, height); {
	case many && side > limit.SideOfMany:
		return ofModel(field, "At least one of the image dimensions exceed max allowed size for many-image requests: %d pixels", limit.SideOfMany)
	case limit.Side > 0 && side > limit.Side:
		return ofModel(field, "At least one of the image dimensions exceed max allowed size: %d pixels", limit.Side)
	}
	return nil
}

// checkDocuments checks that documents are not too many, and have a text beside
// them. It returns how many there are.
func checkDocuments(messages []Message, large []DocumentFormat) (int, error) {
	var names []string
	for i := range messages {
		document, text := -1, false
		for j := range messages[i].Content {
			b := &messages[i].Content[j]
			text = text || b.Text != nil
			if b.Document == nil {
				continue
			}
			document = j
			if err := checkDocument(b.Document, i, j, names, large); err != nil {
				return 0, err
			}
			if names = append(names, b.Document.Name); len(names) > maxDocuments {
				return 0, broken(fmt.Sprintf("messages.%d.content.%d.document", i, j), "You can't include more than %d documents in a request.", maxDocuments)
			}
		}
		if document >= 0 && !text {
			return 0, broken(fmt.Sprintf("messages.%d.content", i),
				"The document block at messages.%d.content.%d has no text block beside it. Add a text block to the message and try again.", i, document)
		}
	}
	return len(names), nil
}

// checkDocument checks that a document has a name of its own, of characters that
// Bedrock takes, and is not too large.
func checkDocument(d *DocumentBlock, i, j int, names []string, large []DocumentFormat) error {
	field := fmt.Sprintf("messages.%d.content.%d.document", i, j)
	if !documentName(d.Name) {
		return broken(field+".name", "The document name at messages.%d.content.%d is invalid. It can hold letters, digits, single spaces, hyphens, parentheses and square brackets.", i, j)
	}
	if slices.Contains(names, d.Name) {
		return broken(field+".name", "The document name at messages.%d.content.%d is that of another document. Give each document a name of its own.", i, j)
	}
	if n := documentBytes(&d.Source); n > maxDocumentBytes && !slices.Contains(large, d.Format) {
		return broken(field+".source", "The document at messages.%d.content.%d has %d bytes. A document can have %d bytes (4.5 MB) at most.", i, j, n, maxDocumentBytes)
	}
	return nil
}

// documentBytes is the size of a document that the request itself holds.
func documentBytes(s *DocumentSource) int {
	n := len(s.Bytes)
	if s.Text != nil {
		n += len(*s.Text)
	}
	for i := range s.Content {
		if text := s.Content[i].Text; text != nil {
			n += len(*text)
		}
	}
	return n
}

func documentName(name string) bool {
	before := rune(0)
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-()[]", r):
		case r == ' ' || r == '\t' || r == '\n':
			if before == ' ' || before == '\t' || before == '\n' {
				return false
			}
		default:
			return false
		}
		before = r
	}
	return true
}
