// Package remote is a client of another Outcrop server: a Backend, and a Jobs,
// over HTTP.
//
//	c, err := remote.New(remote.Config{URL: "http://127.0.0.1:8777"})
//	if err != nil { … }
//	defer c.Close()
//	m, err := outcrop.New(outcrop.Config{ModelID: model, Backend: c, Jobs: c.Jobs()})
//
//	Manager ── Backend: Do · Construct · CountTokens · Models ──▶ HTTP ──▶ server
//	        ── Jobs: Create · Get · List · Stop · Watch (polls) ──▶
//
// What a call carries as bytes goes out as these bytes. Construct is the
// server's own, with its ladder and its models' abilities. Errors come back as
// they left: code, message, a failed Construct's partial value; of a stream
// that breaks off, what had arrived.
//
// Nothing is tried twice here; whoever wants that puts a decorator around the
// Backend. Watch is the exception, since a job outlives a broken connection.
//
// The package starts no goroutine beyond those of its connections.
package remote
