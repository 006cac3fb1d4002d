package bedrock_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// A header is all of a picture that is looked at.
func pngOf(width, height, size int) []byte {
	data := make([]byte, max(size, 24))
	copy(data, "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	data[18], data[19] = byte(width>>8), byte(width)
	data[22], data[23] = byte(height>>8), byte(height)
	return data
}

func imageBlock(format bedrock.ImageFormat, data []byte) bedrock.ContentBlock {
	return bedrock.ContentBlock{Image: &bedrock.ImageBlock{Format: format, Source: bedrock.ImageSource{Bytes: data}}}
}

func documentBlock(n int, format bedrock.DocumentFormat, source bedrock.DocumentSource) bedrock.ContentBlock {
	return bedrock.ContentBlock{Document: &bedrock.DocumentBlock{Format: format, Name: fmt.Sprintf("document %d", n), Source: source}}
}

// beside are blocks with a text beside them.
func beside(blocks ...bedrock.ContentBlock) []bedrock.Message {
	m := bedrock.UserText("Look.")
	m.Content = append(m.Content, blocks...)
	return []bedrock.Message{m}
}

func repeated(n int, block func(i int) bedrock.ContentBlock) []bedrock.ContentBlock {
	blocks := make([]bedrock.ContentBlock, n)
	for i := range blocks {
		blocks[i] = block(i)
	}
	return blocks
}

// TestCheckMedia holds each limit of images and documents from both sides: ""
// is what is just allowed.
func TestCheckMedia(t *testing.T) {
	limits := bedrock.ConverseLimits{
		Images:         bedrock.ImageLimits{Count: 30, Bytes: 5 << 20, Side: 8000, Many: 20, SideOfMany: 2000},
		LargeDocuments: []bedrock.DocumentFormat{bedrock.DocumentFormatPdf},
	}
	small := bedrock.DocumentSource{Bytes: []byte("words")}
	text := func(n int) bedrock.DocumentSource {
		s := strings.Repeat("a", n)
		return bedrock.DocumentSource{Text: &s}
	}
	txt := func(i int) bedrock.ContentBlock { return documentBlock(i, bedrock.DocumentFormatTxt, small) }
	side := func(width, height int) func(int) bedrock.ContentBlock {
		return func(int) bedrock.ContentBlock {
			return imageBlock(bedrock.ImageFormatPng, pngOf(width, height, 0))
		}
	}
	const mostDocument, mostImage = 4_718_592, 3_932_160 // 4.5 and 3.75 MB
	inTurns := append(beside(repeated(3, txt)...), bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: beside()[0].Content})
	inTurns = append(inTurns, beside(repeated(3, func(i int) bedrock.ContentBlock { return txt(3 + i) })...)...)
	onS3 := bedrock.ContentBlock{Image: &bedrock.ImageBlock{Format: bedrock.ImageFormatPng, Source: bedrock.ImageSource{S3Location: &bedrock.S3Location{URI: "s3://bucket/key"}}}}
	ofAssistant := func(b bedrock.ContentBlock) []bedrock.Message {
		return append(beside(), bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{b}})
	}
	for _, c := range []struct {
		name           string
		messages       []bedrock.Message
		field, message string
	}{
		{"five documents", beside(repeated(5, txt)...), "", ""},
		{"six documents", beside(repeated(6, txt)...), "messages.0.content.6.document", "You can't include more than 5 documents in a request."},
		{"six documents in two messages", inTurns, "messages.2.content.3.document", "more than 5 documents"},
		{"a document of the largest size", beside(documentBlock(0, bedrock.DocumentFormatTxt, bedrock.DocumentSource{Bytes: make([]byte, mostDocument)})), "", ""},
		{"a document one byte larger", beside(documentBlock(0, bedrock.DocumentFormatTxt, bedrock.DocumentSource{Bytes: make([]byte, mostDocument+1)})), "messages.0.content.1.document.source", "has 4718593 bytes"},
		{"a text of the largest size", beside(documentBlock(0, bedrock.DocumentFormatMd, text(mostDocument))), "", ""},
		{"a text one letter longer", beside(documentBlock(0, bedrock.DocumentFormatMd, text(mostDocument+1))), "messages.0.content.1.document.source", "4.5 MB"},
		{"a large document of a format that may be", beside(documentBlock(0, bedrock.DocumentFormatPdf, bedrock.DocumentSource{Bytes: make([]byte, mostDocument+1)})), "", ""},
		{"an assistant's document", ofAssistant(txt(0)), "messages.1.content.0.document", "Only user messages"},
		{"an assistant's image", ofAssistant(side(1, 1)(0)), "messages.1.content.0.image", "Only user messages"},

		{"a picture of each format", beside(
			imageBlock(bedrock.ImageFormatPng, pngOf(1, 1, 0)), imageBlock(bedrock.ImageFormatJpeg, []byte("\xff\xd8\xff")),
			imageBlock(bedrock.ImageFormatGif, []byte("GIF89a")), imageBlock(bedrock.ImageFormatWebp, []byte("RIFF    WEBP"))), "", ""},
		{
			"a picture of another format", beside(imageBlock(bedrock.ImageFormatJpeg, pngOf(1, 1, 0))), "messages.0.content.1.image.source.bytes",
			"messages.0.content.1.image.source.bytes: The image was specified using the image/jpeg media type, but the image appears to be a image/png image",
		},
		{"what is no picture", beside(imageBlock(bedrock.ImageFormatPng, []byte("iVBORw0KGgo="))), "messages.0.content.1.image.source.bytes", "Could not process image"},
		{"a picture on S3", beside(onS3), "", ""},
		{"a picture of the largest size", beside(imageBlock(bedrock.ImageFormatPng, pngOf(1, 1, mostImage))), "", ""},
		{"a picture one byte larger", beside(imageBlock(bedrock.ImageFormatPng, pngOf(1, 1, mostImage+1))), "messages.0.content.1.image.source.bytes", "image exceeds 5 MB maximum: 5242884 bytes > 5242880 bytes"},
		{"the widest picture", beside(side(8000, 1)(0)), "", ""},
		{"a wider picture", beside(side(8001, 1)(0)), "messages.0.content.1.image.source.bytes", "8000 pixels"},
		{"a higher picture", beside(side(1, 8001)(0)), "messages.0.content.1.image.source.bytes", "8000 pixels"},
		{"twenty pictures of any size", beside(repeated(20, side(8000, 8000))...), "", ""},
		{"more of a size for many", beside(repeated(21, side(2000, 2000))...), "", ""},
		{"more of a larger size", beside(repeated(21, side(2000, 2001))...), "messages.0.content.1.image.source.bytes", "many-image requests: 2000 pixels"},
		{"as many as there may be", beside(append(repeated(28, side(1, 1)), repeated(2, txt)...)...), "", ""},
		{"one more", beside(append(repeated(29, side(1, 1)), repeated(2, txt)...)...), "messages", "too many images and documents: 29 + 2 > 30"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantBroken(t, bedrock.CheckConverse(&bedrock.ConverseRequest{Messages: c.messages}, limits), c.field, c.message)
		})
	}

	// Where nothing is known of a model, the size and number of images are free,
	// but an image must be one.
	free := bedrock.ConverseLimits{}
	many := beside(repeated(700, side(9000, 9000))...)
	wantBroken(t, bedrock.CheckConverse(&bedrock.ConverseRequest{Messages: many}, free), "", "")
	wantBroken(t, bedrock.CheckConverse(&bedrock.ConverseRequest{Messages: beside(imageBlock(bedrock.ImageFormatGif, []byte("x")))}, free), "messages.0.content.1.image.source.bytes", "Could not process image")

	// A model that sees nothing takes documents.
	blind := bedrock.ConverseLimits{Images: bedrock.ImageLimits{None: true}}
	wantBroken(t, bedrock.CheckConverse(&bedrock.ConverseRequest{Messages: beside(txt(0))}, blind), "", "")
	wantBroken(t, bedrock.CheckConverse(&bedrock.ConverseRequest{Messages: beside(onS3)}, blind), "messages.0.content.1.image", "This model doesn't support the image field for user messages. Remove image and try again.")
}

// TestImagesInToolResults: they are held to the same limits.
func TestImagesInToolResults(t *testing.T) {
	request := func(bytes string) *bedrock.ConverseRequest {
		var req bedrock.ConverseRequest
		text := `{"messages":[{"role":"user","content":[{"text":"Hi."}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"t","input":{}}}]},
			{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"text":"See."},{"image":{"format":"png","source":{"bytes":"` + bytes + `"}}}]}}]}],
			"toolConfig":{"tools":[{"toolSpec":{"name":"t","inputSchema":{"json":{}}}}]}}`
		if err := bedrock.Unmarshal([]byte(text), &req); err != nil {
			t.Fatal(err)
		}
		return &req
	}
	wantBroken(t, bedrock.CheckConverse(request("iVBORw0KGgo="), bedrock.ConverseLimits{}), "", "")
	wantBroken(t, bedrock.CheckConverse(request("/9j/"), bedrock.ConverseLimits{}), "messages.2.content.0.toolResult.content.1.image.source.bytes", "appears to be a image/jpeg image")
}

// wantBroken wants the error of a rule, in a field; or none for none.
func wantBroken(t *testing.T, err error, field, message string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	var broken *bedrock.RuleError
	if !errors.As(err, &broken) {
		t.Fatalf("want a RuleError, got %v", err)
	}
	if broken.Field != field || !strings.Contains(broken.Message, message) {
		t.Errorf("field %s, message %q; want %s, %q", broken.Field, broken.Message, field, message)
	}
}
