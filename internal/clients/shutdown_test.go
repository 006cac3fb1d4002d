package clients_test

import "testing"

// TestShutdown: idle connections that clients keep, of HTTP/1.1 and of HTTP/2,
// do not hold the program up; the clients' next requests fail as ones that
// reached nobody.
func TestShutdown(t *testing.T) {
	t.Parallel()
	need(t, "")
	s := serve(t)
	var programs []*program
	for _, c := range sdks {
		p := c.start(t, nil)
		p.configure(t, signed(s.url))
		if r := result[reply](t, p, "converseStream", params{"modelId": modelID, "words": question}); r.Text == "" {
			t.Errorf("%s: no text", c.name)
		}
		programs = append(programs, p)
	}
	s.stop(t)
	for i, p := range programs {
		f := refused(t, p, "converse", params{"modelId": modelID, "words": question})
		if f.Exception || f.RequestID != "" {
			t.Errorf("%s: %+v", sdks[i].name, f)
		}
	}
}
