package bedrock

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

// samples are texts of the operations that run once for each question, in
// the form that clients and models send them: all of it without reflection.
var samples = []struct {
	value fastCoder
	text  string
}{
	{new(ConverseRequest), `{"messages":[{"role":"user","content":[{"text":"Why is the sky \"blue\"?\n\u00e9 \ud83d\ude00 é"}]}],"inferenceConfig":{"maxTokens":512,"temperature":0.5,"stopSequences":[]},"system":[{"text":"You are brief."}]}`},
	{new(ConverseRequest), ` { "messages" : [ {"role": "user", "content": [{"image": {"format":"png","source":{"bytes":"iVBORw=="}}},{"cachePoint":{"type":"default"}}] } ], "requestMetadata" : {"b":"1","a":"2"} } `},
	{new(ConverseRequest), `{"messages":[{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f","input":{"a":[1, 2.50,-1e+9,true,false,null,"\u0041\/"],"b":{}}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"json":{"x":1}}],"status":"success"}}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"auto":{}}}}`},
	{new(ConverseResponse), `{"output":{"message":{"role":"assistant","content":[{"text":"Light is scattered."},{"reasoningContent":{"reasoningText":{"text":"hm","signature":"s"}}}]}},"stopReason":"end_turn","usage":{"inputTokens":43,"outputTokens":256,"totalTokens":299,"cacheReadInputTokens":0},"metrics":{"latencyMs":10}}`},
	{new(ConverseStreamOutput), `{"contentBlockDelta":{"delta":{"text":" air"},"contentBlockIndex":0}}`},
	{new(ConstructRequest), `{"prompt":"x","schema":{"type":"object","properties":{"a":{"type":"string"}}},"maxAttempts":2}`},
}

// irregular are texts that only the reflective codec reads or refuses.
var irregular = []string{
	`{"messages":null}`, `null`, ``, `{`, `[]`, `{}x`, `{"messages":[{}],}`, `{"messages":[,{}]}`, `{"messages" [{}]}`,
	`{"a":1,"a":2}`, `{"system":[],"system":[]}`, `{"\u0073ystem":[]}`, `{"system":[{"text":"\ud800"}]}`, "{\"system\":[{\"text\":\"\xff\"}]}",
	"{\"system\":[{\"text\":\"a\x01\"}]}", `{"system":[{"text":"\x"}]}`, `{"system":[{"text":"\`, `{"inferenceConfig":{"maxTokens":1.0}}`,
	`{"inferenceConfig":{"maxTokens":-0}}`, `{"inferenceConfig":{"maxTokens":01}}`, `{"inferenceConfig":{"temperature":1e999}}`, `{"inferenceConfig":{"maxTokens":9223372036854775807}}`,
	`{"additionalModelRequestFields":{"a":{"b":1,"b":2}}}`, `{"additionalModelRequestFields":tru}`, `{"additionalModelRequestFields":"\ud83d"}`,
	`{"additionalModelRequestFields":` + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + `}`,
	`{"messages":[{"content":[{"image":{"source":{"bytes":"aGk"}}}]}]}`, `{"messages":[{"content":[{"image":{"source":{"bytes":"aG\nk="}}}]}]}`,
	`{"requestMetadata":{"a":"1","a":"2"}}`, `{"future":1}`,
}

func TestRegularTextsNeedNoReflection(t *testing.T) {
	for _, sample := range samples {
		v := reflect.New(reflect.TypeOf(sample.value).Elem()).Interface().(fastCoder)
		if !v.decodeFast([]byte(sample.text)) {
			t.Errorf("it takes reflection to read %s", sample.text)
		}
		if w := new(writer); !v.encodeFast(w) {
			t.Errorf("it takes reflection to write %s", sample.text)
		}
		checkRead(t, sample.value, []byte(sample.text))
	}
}

func TestIrregularTextsAreLeftToReflection(t *testing.T) {
	for _, text := range irregular {
		if new(ConverseRequest).decodeFast([]byte(text)) {
			t.Errorf("read without reflection: %s", text)
		}
		checkRead(t, new(ConverseRequest), []byte(text))
	}
}

// TestUnmarshalKeepsWhatItDoesNotRead holds both codecs to one rule for values
// that are not empty.
func TestUnmarshalKeepsWhatItDoesNotRead(t *testing.T) {
	before := func() *ConverseRequest {
		return &ConverseRequest{
			ModelID: "m", InferenceConfig: &InferenceConfiguration{MaxTokens: new(7)}, RequestMetadata: map[string]string{"a": "1"},
			System: []SystemContentBlock{{Text: new("old")}}, Unknown: Document(`{"future":1}`),
		}
	}
	for _, text := range append(irregular, samples[0].text, `{"requestMetadata":{"b":"2"}}`, `{"inferenceConfig":{"temperature":1}}`) {
		got, want := before(), before()
		fault := reflective([]byte(text), want)
		if got.decodeFast([]byte(text)) && fault != nil {
			t.Errorf("%s: read in spite of %v", text, fault)
		}
		if err := Unmarshal([]byte(text), got); (err == nil) != (fault == nil) {
			t.Errorf("%s: got %v, want %v", text, err, fault)
		}
		if diff := cmp.Diff(want, got); fault == nil && diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// TestFastCodecOnRandomValues writes and reads values of every type that has
// the methods, with and without what only reflection can do.
func TestFastCodecOnRandomValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, typ := range []fastCoder{new(ConverseRequest), new(ConverseResponse), new(ConverseStreamOutput), new(CountTokensRequest), new(CountTokensResponse), new(ConstructRequest), new(ConstructResponse), new(ConstructStreamOutput)} {
		t.Run(fmt.Sprintf("%T", typ), func(t *testing.T) {
			written, fast := 0, 0
			for range 2000 {
				v := reflect.New(reflect.TypeOf(typ).Elem())
				fill(r, v.Elem(), 7)
				want, err := json.Marshal(v.Interface(), codec)
				w := &writer{buf: []byte("before")}
				ok := v.Interface().(fastCoder).encodeFast(w)
				switch {
				case ok && err != nil:
					t.Fatalf("written in spite of %v: %s", err, w.buf)
				case ok && string(w.buf) != "before"+string(want):
					t.Fatalf("got  %s\nwant %s", w.buf, want)
				case !ok && string(w.buf) != "before":
					t.Fatalf("what was given up was left behind: %s", w.buf)
				}
				if err == nil {
					written++
					checkRead(t, typ, want)
					checkRead(t, typ, mutate(r, want))
				}
				if ok {
					fast++
				}
			}
			if fast == 0 || written == 0 {
				t.Errorf("of 2000 values, %d were written, %d without reflection", written, fast)
			}
		})
	}
}

// FuzzFastRead holds the generated methods to what the reflective codec does,
// reading and writing.
func FuzzFastRead(f *testing.F) {
	for _, sample := range samples {
		f.Add([]byte(sample.text))
	}
	for _, text := range irregular {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, v := range []fastCoder{new(ConverseRequest), new(ConverseResponse), new(ConverseStreamOutput), new(ConstructRequest)} {
			checkRead(t, v, data)
		}
	})
}

// reflective reads as Unmarshal does when the generated methods give up.
func reflective(data []byte, v any) error {
	if deeperThan(data, MaxDepth) {
		return errors.New("nested too deep")
	}
	return json.Unmarshal(data, v, codec)
}

// checkRead reads a text both ways, and writes both ways what was read.
func checkRead(t *testing.T, like fastCoder, data []byte) {
	t.Helper()
	typ := reflect.TypeOf(like).Elem()
	given := bytes.Clone(data)
	got, want := reflect.New(typ), reflect.New(typ)
	fault := reflective(data, want.Interface())
	if !got.Interface().(fastCoder).decodeFast(data) {
		if !got.Elem().IsZero() {
			t.Fatalf("%s: what was given up left something behind", data)
		}
	} else {
		if fault != nil {
			t.Fatalf("%q was read in spite of %v", data, fault)
		}
		if !reflect.DeepEqual(got.Interface(), want.Interface()) {
			t.Fatalf("%s (-want +got):\n%s", data, cmp.Diff(want.Interface(), got.Interface()))
		}
	}
	if !bytes.Equal(data, given) {
		t.Fatalf("reading changed the text to %s", data)
	}
	if fault != nil {
		return
	}
	text, err := json.Marshal(want.Interface(), codec)
	if w := new(writer); want.Interface().(fastCoder).encodeFast(w) && (err != nil || !bytes.Equal(w.buf, text)) {
		t.Fatalf("got  %s\nwant %s, %v", w.buf, text, err)
	}
}

// fill sets about half of a value's members, so that optional and required
// ones are there and are not.
func fill(r *rand.Rand, v reflect.Value, depth int) {
	if depth == 0 || v.Type() != reflect.TypeFor[string]() && r.IntN(3) == 0 {
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[Document]():
		v.SetBytes([]byte(pick(r, `{"a": [1, 2.50]}`, `"\u0041\n"`, `{"b":{"c":"é"}, "a":-0}`, `1E5`, `{"a":1}`, `[]`, `null`, ``, `{"a":1,"a":2}`)))
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<32), 0).UTC()))
	case v.Kind() == reflect.String:
		v.SetString(pick(r, "", "user", "a longer text, of more than eight bytes", "é", "tab\tquote\"back\\slash\x01\x7f\u2028<&>", "long enough to é cross \n words 😀", "ends in é"))
		if r.IntN(50) == 0 {
			v.SetString("\xffno UTF-8")
		}
	case v.Kind() == reflect.Int:
		v.SetInt(r.Int64() >> r.IntN(64) * (1 - 2*r.Int64N(2)))
	case v.Kind() == reflect.Float64:
		v.SetFloat(float64(r.IntN(5)) / 4 * pick(r, 1.0, -1, 1e-7, 1e22, math.Inf(1)))
	case v.Kind() == reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem(), depth-1)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i), depth-1)
		}
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range r.IntN(4) {
			element := reflect.New(v.Type().Elem()).Elem()
			fill(r, element, depth-1)
			v.SetMapIndex(reflect.ValueOf(pick(r, "b", "a", "é", "quo\"te", "")), element)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "Unknown" || r.IntN(40) == 0 {
				fill(r, v.Field(i), depth-1)
			}
		}
	case v.Kind() == reflect.Uint8:
		v.SetUint(r.Uint64N(256))
	}
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// mutate changes a byte of a text, repeats a part of it, or cuts one out.
func mutate(r *rand.Rand, text []byte) []byte {
	i, j := r.IntN(len(text)), r.IntN(len(text))
	i, j = min(i, j), max(i, j)
	switch r.IntN(3) {
	case 0:
		text = bytes.Clone(text)
		text[i] = pick(r, []byte("{}[]\",:\\ 019-.eEntu\x00\xff")...)
		return text
	case 1:
		return append(bytes.Clone(text[:j]), text[i:]...)
	}
	return append(bytes.Clone(text[:i]), text[j:]...)
}
