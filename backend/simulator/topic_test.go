package simulator

import (
	"strings"
	"testing"
)

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
