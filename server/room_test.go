package server_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
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
