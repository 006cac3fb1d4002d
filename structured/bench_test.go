package structured

import (
	"slices"
	"strings"
	"testing"
)

// medianDocument returns the suite's valid document of median length.
func medianDocument(tb testing.TB) document {
	docs := suiteDocuments(tb)
	slices.SortStableFunc(docs, func(a, b document) int { return len(a.text) - len(b.text) })
	d := docs[len(docs)/2]
	d.text = string(d.schema.Encode(d.value))
	return d
}

// Reading and validating the median document, schema warm.
func BenchmarkReadMedian(b *testing.B) {
	d := medianDocument(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(d.text)))
	for b.Loop() {
		if r, err := d.schema.Read(d.text); err != nil || !r.Valid() {
			b.Fatal(err)
		}
	}
}

// Reading and validating every document of the suite once.
func BenchmarkReadSuite(b *testing.B) {
	docs := suiteDocuments(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, d := range docs {
			if _, err := d.schema.Read(d.text); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(docs)), "µs/document")
}

func BenchmarkReadMended(b *testing.B) {
	d := medianDocument(b)
	text := "Sure!\n```json\n" + strings.ReplaceAll(d.text, "}", ",}") + "\n```"
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := d.schema.Read(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile([]byte(personSchema)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompileCached(b *testing.B) {
	c := NewCompiler(Config{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Compile([]byte(personSchema)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlanBedrock(b *testing.B) {
	s := mustCompile(b, personSchema)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.plan(Bedrock()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInstance(b *testing.B) {
	s := mustCompile(b, personSchema)
	h := HintsFrom("Extract: John Doe is 42")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Instance(h, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeXML(b *testing.B) {
	s := mustCompile(b, orderSchema)
	v := parse(b, `{"id":7,"customer":"A","tags":["x","y"],"lines":[{"sku":"1","count":2}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.EncodeXML(v); err != nil {
			b.Fatal(err)
		}
	}
}
