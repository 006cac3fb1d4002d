package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"sync"
	"time"
)

// patience is how long a check waits for what would never come were the
// feature missing. Nothing that works takes as long.
const patience = 30 * time.Second

// The words of an engine, before its gate and behind it.
const (
	firstWords = "The first words come now,"
	lastWords  = " the last ones later."
)

// engine is a server such as llama.cpp's or Ollama's, which a check holds: it
// begins each reply, and ends it when it is let go on.
type engine struct {
	flag string // of the program: which back-end to ask
	goOn func() // lets every reply end
}

// engine starts one that refuses as many requests as throttled says.
func (p *probe) engine(throttled int) *engine {
	p.Helper()
	gate := make(chan struct{})
	e := &engine{goOn: sync.OnceFunc(func() { close(gate) })}
	var mu sync.Mutex
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		refused := throttled > 0
		throttled--
		mu.Unlock()
		var asked struct{ Stream bool }
		body, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(body, &asked) != nil {
			http.Error(w, "no request", http.StatusBadRequest)
			return
		}
		if refused {
			w.Header().Set("Retry-After", "0")
			http.Error(w, `{"error":{"message":"slow down"}}`, http.StatusTooManyRequests)
			return
		}
		if asked.Stream {
			answerInPieces(w, r, gate)
			return
		}
		select {
		case <-gate:
		case <-r.Context().Done():
			return
		}
		fmt.Fprintf(w, `{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":%q}}],"usage":{"prompt_tokens":3,"completion_tokens":9,"total_tokens":12}}`, firstWords+lastWords)
	})
	server := httptest.NewServer(mux)
	p.Cleanup(func() { e.goOn(); server.Close() })
	e.flag = "openai=" + server.URL + "/v1"
	return e
}

func answerInPieces(w http.ResponseWriter, r *http.Request, gate <-chan struct{}) {
	w.Header().Set("Content-Type", "text/event-stream")
	say := func(delta, finish string) {
		fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":%s,\"finish_reason\":%s}]}\n\n", delta, finish)
		_ = http.NewResponseController(w).Flush()
	}
	say(fmt.Sprintf(`{"role":"assistant","content":%q}`, firstWords), "null")
	select {
	case <-gate:
	case <-r.Context().Done():
		return
	}
	say(fmt.Sprintf(`{"content":%q}`, lastWords), "null")
	say(`{}`, `"stop"`)
	fmt.Fprint(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":9,\"total_tokens\":12}}\n\ndata: [DONE]\n\n")
}

// running is the program while it works.
type running struct {
	p    *probe
	mu   sync.Mutex
	text bytes.Buffer // what it has said so far, on either output
	more chan struct{}
	end  chan error
}

// start runs the program beside the check.
func (p *probe) start(args ...string) *running {
	p.Helper()
	p.runs++
	p.note("$", "outcrop "+quoted(args)+" &")
	r := &running{p: p, more: make(chan struct{}, 1), end: make(chan error, 1)}
	cmd := exec.CommandContext(p.Context(), program(p.T), args...)
	cmd.Dir, cmd.Env = p.dir, p.env()
	cmd.Stdout, cmd.Stderr = r, r
	p.must(cmd.Start())
	go func() { r.end <- cmd.Wait() }()
	return r
}

// Write takes what the program prints.
func (r *running) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
	return r.text.Write(b)
}

// said is what the program has printed so far.
func (r *running) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// says waits until the program has printed something, and tells whether it has.
func (r *running) says(enough func(text string) bool) bool {
	late := time.NewTimer(patience)
	defer late.Stop()
	for !enough(r.said()) {
		select {
		case <-r.more:
		case <-late.C:
			return false
		}
	}
	return true
}

// ends waits for the program and returns what it has printed.
func (r *running) ends() string {
	r.p.Helper()
	select {
	case <-r.end:
	case <-time.After(stopTimeout):
		r.p.Fatal("the program does not end")
	}
	text := r.said()
	r.p.note(" ", text)
	return text
}
