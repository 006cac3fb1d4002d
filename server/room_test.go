package server_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
)

// TestRoomForBodies: of long bodies as many are held as there is room for; more
// wait, and are refused when it takes too long. Short ones pass, also those that
// do not say that they are short, and what has been answered makes room.
func TestRoomForBodies(t *testing.T) {
	arrived, leave := make(chan struct{}), make(chan struct{})
	config := backend(t, func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		if strings.HasPrefix(call.ModelID, "slow") {
			arrived <- struct{}{}
			<-leave
		}
		return nil, nil
	})
	config.MaxBody, config.HeldBodies = 1<<20, 1<<20
	config.ReadTimeout = time.Second
	r := start(t, config)
	c := client(t, &http.Transport{})
	long := strings.Replace(converseBody, "or", strings.Repeat("or ", 200_000), 1)
	ask := func(model, body string, chunked bool) answer {
		var source io.Reader = strings.NewReader(body)
		if chunked {
			source = io.MultiReader(source)
		}
		req, err := http.NewRequest(http.MethodPost, r.url+"/model/"+model+"/converse", source)
		if err != nil {
			t.Error(err)
			return answer{}
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := c.Do(req)
		if err != nil {
			t.Error(err)
			return answer{}
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return answer{resp.StatusCode, resp.Header, string(text)}
	}
	var slow sync.WaitGroup
	for _, body := range []string{long, converseBody} {
		slow.Go(func() {
			if a := ask("slow", body, false); a.status != 200 {
				t.Errorf("the slow one: %d %s", a.status, a.body)
			}
		})
		<-arrived
	}
	if a := ask("m", converseBody, false); a.status != 200 {
		t.Errorf("a short body: %d %s", a.status, a.body)
	}
	busy := ask("m", long, false)
	checkRefused(t, busy, 503, "ServiceUnavailableException", "no room for another long request body")
	if busy.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After: %q", busy.header.Get("Retry-After"))
	}
	for range 2 {
		leave <- struct{}{}
	}
	slow.Wait()
	for range 3 { // each gives back what it had, and takes the room of the longest while it is read
		if a := ask("m", long, true); a.status != 200 {
			t.Errorf("afterwards: %d %s", a.status, a.body)
		}
	}
	checkRefused(t, ask("m", long+strings.Repeat(" ", 1<<20), true), 413, "RequestEntityTooLargeException", "larger")
	var short sync.WaitGroup
	for range 4 {
		short.Go(func() {
			if a := ask("slow", converseBody, true); a.status != 200 {
				t.Errorf("a short body of unknown length: %d %s", a.status, a.body)
			}
		})
	}
	for range 4 {
		<-arrived // all four at once: none keeps room
	}
	for range 4 {
		leave <- struct{}{}
	}
	short.Wait()
	if a := ask("m", long, false); a.status != 200 {
		t.Errorf("at the end: %d %s", a.status, a.body)
	}
}

// TestRoomTakesNoReadingTime: who has waited for room has the whole time to send
// the rest.
func TestRoomTakesNoReadingTime(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			config := backend(t, func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
				if call.ModelID == "slow" {
					time.Sleep(50 * time.Second)
				}
				return nil, nil
			})
			config.MaxBody, config.HeldBodies, config.ReadTimeout = 1<<20, 1<<20, time.Minute
			c := serveIn(t, config).client(t, http2)
			long := strings.Replace(converseBody, "or", strings.Repeat("or ", 200_000), 1)
			ask := func(model string, body io.Reader) {
				resp, err := c.Post("http://localhost/model/"+model+"/converse", "application/json", body)
				if err != nil {
					t.Errorf("%s: %v", model, err)
					return
				}
				defer resp.Body.Close()
				if text, err := io.ReadAll(resp.Body); resp.StatusCode != 200 || err != nil {
					t.Errorf("%s: %d %s %v", model, resp.StatusCode, text, err)
				}
			}
			var all sync.WaitGroup
			all.Go(func() { ask("slow", strings.NewReader(long)) })
			synctest.Wait()
			body, rest := io.Pipe()
			all.Go(func() { ask("m", body) })
			for _, part := range []string{long[:300_000], long[300_000:]} {
				if _, err := io.WriteString(rest, part); err != nil {
					t.Errorf("sending, HTTP/2 %t: %v", http2, err)
				}
				if part == long[:300_000] {
					time.Sleep(30 * time.Second) // HTTP/1.1 has taken it only when there is room
				}
			}
			rest.Close()
			all.Wait()
		})
	}
}
