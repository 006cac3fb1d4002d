package simulator

import (
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/tokens"
)

// A reply's tokens are summed up while it is written.
func TestProseKnowsItsSize(t *testing.T) {
	for _, text := range []string{
		"", "hi", "Explain in 40 sentences why the sky is blue and what ozone-rich air does; don't hurry.",
		"Compare __init__ and my_var_ with HTTPServer2 in 60 sentences.",
		"Größe, Übergröße und naïveté: erkläre the Unterschied in 30 sentences", "谢谢你 解释 光合作用 in 30 sentences", "bad \xff bytes\xc3 broken in 30 sentences",
	} {
		for images := range 3 {
			for seed := range 20 {
				said, size := prose(&prompt{text: text, images: images, seed: random(seed)})
				if want := tokens.SizeOf(said); size != want {
					t.Fatalf("%q has the size %v, not %v", said, want, size)
				}
			}
		}
	}
}

func TestStopWords(t *testing.T) {
	for word := range strings.FieldsSeq("the The YOURSELF yourself something Something explanation paragraphs sentences around") {
		if carries(word) {
			t.Errorf("%q carries a topic", word)
		}
	}
	for word := range strings.FieldsSeq("sky physics evening paragraphing explanatory thermodynamics yourselfs éclair Zürich thé") {
		if !carries(word) {
			t.Errorf("%q carries none", word)
		}
	}
	used := 0
	for _, number := range stopWords.short {
		if number != 0 {
			used++
		}
	}
	if used < 200 || used > len(stopWords.short)/2 {
		t.Errorf("%d of %d places of the table are in use", used, len(stopWords.short))
	}
}
