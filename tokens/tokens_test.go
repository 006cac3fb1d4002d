package tokens

import (
	"bytes"
	"image"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"strings"
	"testing"
)

// samples were counted with cl100k_base (tiktoken-go/tokenizer v0.10.0).
var samples = []struct {
	name, text string
	cl100k     int
}{
	{"prose", "The quick brown fox jumps over the lazy dog, and nobody has ever asked the dog what it thinks of being jumped over so often.", 27},
	{"code", "func (p *Pool) admit(now time.Time, n int) bool {\n\tif p.level-p.held < n {\n\t\treturn false\n\t}\n\tp.held += n\n\treturn true\n}\n", 41},
	{"json", `{"recordId":"CALL0000001","modelInput":{"max_tokens":1024,"messages":[{"role":"user","content":"Hi"}]}}`, 30},
	{"hash", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 35},
	{"german", "Die Größe des Fensters wird beim nächsten Start übernommen, wenn Sie die Einstellung speichern.", 23},
	{"chinese", "该文档介绍了各种推理方法及其适用场景、优点和实现细节。", 31},
	{"japanese", "この文書では、さまざまな推論方法とその使用例について説明します。", 29},
	{"korean", "이 문서는 다양한 추론 방법과 사용 사례를 설명합니다.", 24},
	{"russian", "Этот документ описывает различные методы вывода и их применение.", 24},
}

// Single sentences vary more than documents do, so the bound is wide here; the
// error on whole corpora is in docs/design/tokens.md.
func TestTextIsNearCl100k(t *testing.T) {
	for _, s := range samples {
		got := Text(s.text)
		if e := math.Abs(float64(got-s.cl100k)) / float64(s.cl100k); e > 0.30 {
			t.Errorf("%s: estimated %d, cl100k counts %d", s.name, got, s.cl100k)
		}
		if n := Default().For("x").TextBytes([]byte(s.text)); n != Default().For("x").Text(s.text) {
			t.Errorf("%s: string and bytes differ", s.name)
		}
	}
}

func TestTextEdges(t *testing.T) {
	if n := Text(""); n != 0 {
		t.Errorf("empty text: %d", n)
	}
	for _, s := range []string{"a", " ", "\n", "7", "é", "字", "\xff", "\x00"} {
		if n := Default().For("m").Text(s + s); n < 1 && strings.TrimSpace(s) != "" {
			t.Errorf("%q: %d", s+s, n)
		}
	}
}

func TestFamilyOf(t *testing.T) {
	for id, want := range map[string]Family{
		"anthropic.claude-3-5-sonnet-20241022-v2:0":                                        Claude,
		"anthropic.claude-3-sonnet-20240229-v1:0":                                          Claude,
		"us.anthropic.claude-sonnet-4-6-v1:0":                                              Claude,
		"anthropic.claude-opus-4-7-v1:0":                                                   ClaudeNew,
		"global.anthropic.claude-opus-4-8-v1:0":                                            ClaudeNew,
		"anthropic.claude-sonnet-5-20260901-v1:0":                                          ClaudeNew,
		"anthropic.claude-sonnet-4-20250514-v1:0":                                          Claude,
		"arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-haiku-4-5-v1:0": Claude,
		"anthropic.claude-v2:1":                                                            Claude,
		"amazon.nova-pro-v1:0":                                                             Nova,
		"meta.llama3-1-70b-instruct-v1:0":                                                  Llama,
		"meta.llama2-13b-chat-v1":                                                          Llama2,
		"mistral.mixtral-8x7b-instruct-v0:1":                                               Mistral,
		"openai.gpt-oss-120b-1:0":                                                          GPT,
		"cohere.command-r-plus-v1:0":                                                       Cohere,
		"Somebody.Own":                                                                     Other,
	} {
		if got := FamilyOf(id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}

func TestConfig(t *testing.T) {
	if _, err := New(Config{Factors: map[Family]Factor{"nova": {Text: 0, CJK: 1}}}); err == nil || !strings.Contains(err.Error(), "factors.nova") {
		t.Errorf("a factor of zero: %v", err)
	}
	if _, err := New(Config{Media: map[Family]Media{"nova": {LongEdge: -1}}}); err == nil || !strings.Contains(err.Error(), "media.nova.longEdge") {
		t.Errorf("a negative edge: %v", err)
	}
	e, err := New(Config{
		Families: map[string]Family{"ft-1": "own"},
		Factors:  map[Family]Factor{"own": {Text: 2, CJK: 2}},
		Media:    map[Family]Media{"own": {PageTokens: 10}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := e.For("ft-1")
	if got, want := m.Text("hello there friend"), 2*Text("hello there friend"); got != want {
		t.Errorf("text: %d, want %d", got, want)
	}
	if got := m.Pages(3); got != 30 {
		t.Errorf("pages: %d", got)
	}
	if got := m.Image(750, 100); got != 100 {
		t.Errorf("image under an inherited rule: %d", got)
	}
	if defaultFactors["own"] != (Factor{}) {
		t.Error("the defaults were changed")
	}
}

func TestImage(t *testing.T) {
	m := Default().For("anthropic.claude-3-haiku-20240307-v1:0")
	for _, c := range []struct{ w, h, want int }{
		{1092, 1092, 1590}, // the guide's example of the largest square that is not resized
		{200, 200, 54},
		{8000, 8000, 1600},
		{3136, 750, 784}, // halved
		{0, 10, 1600},
	} {
		if got := m.Image(c.w, c.h); got != c.want {
			t.Errorf("%d×%d: %d, want %d", c.w, c.h, got, c.want)
		}
	}
}

func TestImageSize(t *testing.T) {
	img := image.NewPaletted(image.Rect(0, 0, 321, 123), palette.Plan9)
	encode := map[string]func(b *bytes.Buffer) error{
		"png":  func(b *bytes.Buffer) error { return png.Encode(b, img) },
		"jpeg": func(b *bytes.Buffer) error { return jpeg.Encode(b, img, nil) },
		"gif":  func(b *bytes.Buffer) error { return gif.Encode(b, img, nil) },
	}
	for name, f := range encode {
		var b bytes.Buffer
		if err := f(&b); err != nil {
			t.Fatal(err)
		}
		if w, h, ok := ImageSize(b.Bytes()); !ok || w != 321 || h != 123 {
			t.Errorf("%s: %d×%d %v", name, w, h, ok)
		}
	}
	webp := "RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x40\x01\x00\x7a\x00\x00"
	if w, h, ok := ImageSize([]byte(webp)); !ok || w != 321 || h != 123 {
		t.Errorf("webp: %d×%d %v", w, h, ok)
	}
	if _, _, ok := ImageSize([]byte("%PDF-1.7")); ok {
		t.Error("a PDF has a size")
	}
}

func TestDocument(t *testing.T) {
	m := Default().For("anthropic.claude-3-haiku-20240307-v1:0")
	if got, want := m.Document("md", []byte("# Title\n\nText.")), m.Text("# Title\n\nText."); got != want {
		t.Errorf("md: %d, want %d", got, want)
	}
	if got := m.Document("pdf", make([]byte, 50_001)); got != 2*2200 {
		t.Errorf("pdf: %d", got)
	}
	if got := m.Document("docx", make([]byte, 800)); got != 100 {
		t.Errorf("docx: %d", got)
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range samples {
		f.Add(s.text)
	}
	f.Add("\xf0\x28\x8c\x28----------ABCDEFghi")
	f.Fuzz(func(t *testing.T, s string) {
		u := SizeOf(s)
		if u.text < 0 || u.cjk < 0 {
			t.Fatal("negative count")
		}
		// The dearest run is a handful of tokens a byte.
		if u.text+u.cjk > 5*unit*len(s) {
			t.Fatalf("%d tokens for %d bytes", (u.text+u.cjk)/unit, len(s))
		}
		for i := range s {
			if got, want := endOfLower(s, i), endOf(s, i, classLower); got != want {
				t.Fatalf("the lower case from %d ends at %d, want %d", i, got, want)
			}
		}
	})
}

// FuzzParts holds the sizes of parts against the whole, where SizeOf says that
// they add up.
func FuzzParts(f *testing.F) {
	for _, s := range samples {
		f.Add(s.text, s.text)
	}
	f.Add("The part about", "__init__ comes first")
	f.Add("of the HTTPServer", "; the rest is detail.")
	f.Fuzz(func(t *testing.T, a, b string) {
		if a == "" || b == "" || white(a[len(a)-1]) || white(b[0]) {
			return
		}
		if got, want := SizeOf(a).Plus(SizeAfterSpace(b)), SizeOf(a+" "+b); got != want {
			t.Errorf("%q and, after a space, %q: %v, together %v", a, b, got, want)
		}
		if classOf[a[len(a)-1]] <= classDigit && classOf[b[0]] == classSign {
			if got, want := SizeOf(a).Plus(SizeOf(b)), SizeOf(a+b); got != want {
				t.Errorf("%q and %q: %v, together %v", a, b, got, want)
			}
		}
	})
}

func white(c byte) bool { return classOf[c] == classSpace || classOf[c] == classLine }

func FuzzImageSize(f *testing.F) {
	f.Add([]byte("\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x10\x00\x20"))
	f.Add([]byte("RIFF    WEBPVP8L      /00000000000"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, h, ok := ImageSize(data)
		if ok != (w > 0 && h > 0) {
			t.Fatalf("%d×%d %v", w, h, ok)
		}
	})
}

func BenchmarkText(b *testing.B) {
	m := Default().For("anthropic.claude-sonnet-4-6-v1:0")
	for _, s := range samples {
		kb := strings.Repeat(s.text, 1+1024/len(s.text))[:1024]
		b.Run(s.name, func(b *testing.B) {
			b.SetBytes(int64(len(kb)))
			b.ReportAllocs()
			for b.Loop() {
				m.Text(kb)
			}
		})
	}
}

func BenchmarkFor(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Default().For("us.anthropic.claude-sonnet-4-6-v1:0")
	}
}
