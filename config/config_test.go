package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/outcrop-ai/outcrop/config"
)

// example uses every part of the file.
const example = `# yaml-language-server: $schema=./outcrop.schema.json
model: fast
profile: work
region: eu-west-1
backend: sim
profiles:
  work:
    region: eu-central-1
backends:
  sim:
    kind: simulator
  ollama:
    kind: openai
    baseUrl: ${HOST}/v1
    engine: ollama
    apiKeyEnv: OLLAMA_KEY
    headers: {X-Gateway: "Bearer ${GATEWAY}"}
    limits:
      idle: 90s
      maxReply: 8MiB
  bedrock:
    kind: amazon
    region: us-west-2
    roles:
      dev: {arn: "arn:aws:iam::123456789012:role/dev"}
models:
  - match: anthropic.*
    backend: bedrock
    name: us.anthropic.*
    failover:
      - {backend: ollama, name: qwen3:8b}
  - {match: qwen3:*, backend: ollama}
aliases:
  fast: anthropic.claude-haiku-4-5-20251001-v1:0
circuit: {failures: 3, open: 5s}
server:
  listen: 127.0.0.1:9000
  account: "012345678901"
  allowedHosts: [proxy.example]
  limits: {maxBody: 5MB}
simulator:
  pace: true
  tokensPerSecond: 40
`

func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func parse(t *testing.T, text string, s config.Sources) *config.Config {
	t.Helper()
	if s.Lookup == nil {
		s.Lookup = env("HOST", "http://127.0.0.1:11434", "GATEWAY", "hush")
	}
	c, err := config.Parse("outcrop.yaml", []byte(text), s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFile(t *testing.T) {
	c := parse(t, example, config.Sources{})
	ollama, bedrock := c.Backends["ollama"], c.Backends["bedrock"]
	for what, ok := range map[string]bool{
		"expanded URL":      ollama.BaseURL == "http://127.0.0.1:11434/v1",
		"expanded header":   ollama.Headers["X-Gateway"] == "Bearer hush",
		"time":              ollama.Limits.Idle == 90*time.Second,
		"size":              ollama.Limits.MaxReply == 8<<20,
		"default of a size": ollama.Limits.MaxEvent == 1<<20 && bedrock.Limits.MaxReply == 64<<20,
		"role":              bedrock.Roles["dev"].ARN == "arn:aws:iam::123456789012:role/dev" && bedrock.Roles["dev"].Duration == 15*time.Minute,
		"route":             len(c.Models) == 2 && c.Models[0].Failover[0] == config.Target{Backend: "ollama", Name: "qwen3:8b"},
		"circuit":           c.Circuit == config.Circuit{Failures: 3, Open: 5 * time.Second, MaxOpen: 2 * time.Minute},
		"account":           c.Server.Account == "012345678901",
		"list":              len(c.Server.AllowedHosts) == 1 && c.Server.AllowedHosts[0] == "proxy.example",
		"body":              c.Server.Limits.MaxBody == 5_000_000,
		"pace":              c.Simulator.Pace && c.Simulator.TokensPerSecond == 40 && c.Simulator.FirstToken == 400*time.Millisecond,
		"profile's section": c.Region == "eu-central-1" && c.Origin("region").String() == "outcrop.yaml:8",
		"origin":            c.Origin("server.limits.maxBody").String() == "outcrop.yaml:40" && c.Origin("data").String() == "default",
	} {
		if !ok {
			t.Errorf("%s: %+v", what, c)
		}
	}
}

// TestOrder: flag, environment, profile, file, default; for every kind of
// value, and the origin says which it was.
func TestOrder(t *testing.T) {
	const file = "profile: p\nregion: eu-west-1\nprofiles: {p: {region: eu-west-2}, q: {region: eu-west-3}}\nserver: {listen: 'a:1'}\n"
	for _, tt := range []struct {
		name, text string
		env        []string
		flags      []config.Assignment
		path       string
		get        func(*config.Config) string
		want, from string
	}{
		{"default", "", nil, nil, "region", func(c *config.Config) string { return c.Region }, "us-west-2", "default"},
		{"file", "region: eu-west-1\n", nil, nil, "region", func(c *config.Config) string { return c.Region }, "eu-west-1", "outcrop.yaml:1"},
		{"profile", file, nil, nil, "region", func(c *config.Config) string { return c.Region }, "eu-west-2", "outcrop.yaml:3"},
		{"profile of the environment", file, []string{"AWS_PROFILE", "q"}, nil, "region", func(c *config.Config) string { return c.Region }, "eu-west-3", "outcrop.yaml:3"},
		{"environment", file, []string{"AWS_DEFAULT_REGION", "us-west-1", "AWS_REGION", "us-west-2"}, nil, "region", func(c *config.Config) string { return c.Region }, "us-west-2", "environment AWS_REGION"},
		{"own variable", file, []string{"AWS_REGION", "us-west-2", "OUTCROP_REGION", "us-west-1"}, nil, "region", func(c *config.Config) string { return c.Region }, "us-west-1", "environment OUTCROP_REGION"},
		{"empty variable", "", []string{"AWS_REGION", ""}, nil, "region", func(c *config.Config) string { return c.Region }, "us-west-2", "default"},
		{"flag", file, []string{"AWS_REGION", "us-west-2"}, []config.Assignment{{"region", "sa-east-1", "--region"}}, "region", func(c *config.Config) string { return c.Region }, "sa-east-1", "flag --region"},
		{"later flag", file, nil, []config.Assignment{{"region", "sa-east-1", "--region"}, {"region", "sa-east-2", "--set"}}, "region", func(c *config.Config) string { return c.Region }, "sa-east-2", "flag --set"},
		{"nested variable", file, []string{"OUTCROP_SERVER_LISTEN", "b:2"}, nil, "server.listen", func(c *config.Config) string { return c.Server.Listen }, "b:2", "environment OUTCROP_SERVER_LISTEN"},
		{"list in a variable", "", []string{"OUTCROP_SERVER_ALLOWED_HOSTS", "x, y"}, nil, "server.allowedHosts", func(c *config.Config) string { return strings.Join(c.Server.AllowedHosts, "|") }, "x|y", "environment OUTCROP_SERVER_ALLOWED_HOSTS"},
		{"alias with dots", "", nil, []config.Assignment{{"aliases.my.model", "a.b", "--set"}}, "aliases.my.model", func(c *config.Config) string { return c.Aliases["my.model"] }, "a.b", "flag --set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := parse(t, tt.text, config.Sources{Lookup: env(tt.env...), Flags: tt.flags})
			if got := tt.get(c); got != tt.want || c.Origin(tt.path).String() != tt.from {
				t.Errorf("%q from %s, want %q from %s", got, c.Origin(tt.path), tt.want, tt.from)
			}
		})
	}
}

// TestErrors: an error names file and line, the key, and what is near; it
// shows no value (which all hold "hush").
func TestErrors(t *testing.T) {
	const one = "backends:\n  b:\n    kind: openai\n    baseUrl: http://127.0.0.1:1/v1\n"
	for _, tt := range []struct{ name, text, says string }{
		{"unknown key", "modle: hush\n", "outcrop.yaml:1: modle: unknown key; did you mean model or models?"},
		{"unknown key below", "server:\n  limits:\n    maxBodi: 1\n", "outcrop.yaml:3: server.limits.maxBodi: unknown key; did you mean maxBody?"},
		{"far key", "circuit:\n  zzzzz: 1\n", "the keys here are failures, open, maxOpen"},
		{"secret in the file", one + "    apiKey: hush\n", "outcrop.yaml:5: backends.b.apiKey: unknown key; did you mean apiKeyEnv or apiKeyFile?"},
		{"two mistakes", "modle: 1\nregoin: 2\n", "outcrop.yaml:2: regoin: unknown key; did you mean region?"},
		{"key twice", "region: us-east-1\nregion: hush\n", "outcrop.yaml:2: "},
		{"no YAML", "server: [hush\n", "outcrop.yaml:1: "},
		{"anchor", "region: &a hush\n", "outcrop.yaml:1: anchors"},
		{"a list as a value", "region: [hush]\n", "outcrop.yaml:1: region: expected a single value, found a list"},
		{"a value as a list", "models: hush\n", "outcrop.yaml:1: models: expected a list, found a single value"},
		{"a value as a mapping", "server: hush\n", "outcrop.yaml:1: server: expected a mapping with the keys listen"},
		{"time", "circuit: {open: hush}\n", "outcrop.yaml:1: circuit.open: expected a time"},
		{"negative time", "circuit: {open: -1s}\n", "outcrop.yaml:1: circuit.open: expected a time"},
		{"size", "server: {limits: {maxBody: 1hush}}\n", "server.limits.maxBody: expected a size"},
		{"huge size", "server: {limits: {maxBody: 99999999999GiB}}\n", "server.limits.maxBody: expected a size"},
		{"number", "circuit: {failures: hush}\n", "circuit.failures: expected a whole number"},
		{"small number", "circuit: {failures: 0}\n", "circuit.failures: expected 1 or more"},
		{"truth", "simulator: {pace: hush}\n", "simulator.pace: expected true or false"},
		{"enum", "backends:\n  b:\n    kind: hush\n", "outcrop.yaml:3: backends.b.kind: expected one of simulator, openai, amazon"},
		{"no kind", "backends:\n  b: {}\n", "outcrop.yaml:2: backends.b: kind is missing"},
		{"no URL", "backends:\n  b:\n    kind: openai\n", "outcrop.yaml:2: backends.b.baseUrl: expected a URL"},
		{"bad URL", "backends:\n  b: {kind: openai, baseUrl: 'ftp://hush'}\n", "outcrop.yaml:2: backends.b.baseUrl: expected a URL"},
		{"missing variable", "backends:\n  b: {kind: openai, baseUrl: '${NOWHERE}/v1'}\n", "outcrop.yaml:2: backends.b.baseUrl: the environment variable NOWHERE is not set"},
		{"open variable", "backends:\n  b: {kind: openai, baseUrl: '${NOWHERE'}\n", "outcrop.yaml:2: backends.b.baseUrl: there is a ${ without }"},
		{"other kind's key", one + "    region: us-east-1\n", "outcrop.yaml:5: backends.b.region: this key is for back-ends of kind amazon, not openai"},
		{"other kind's limit", "backends:\n  b:\n    kind: amazon\n    limits: {maxEvent: 1}\n", "outcrop.yaml:4: backends.b.limits.maxEvent: this key is for back-ends of kind openai, not amazon"},
		{"two keys", one + "    apiKeyEnv: A\n    apiKeyFile: hush\n", "outcrop.yaml:2: backends.b: expected one of apiKeyEnv and apiKeyFile"},
		{"unknown back-end", one + "backend: bb\n", "outcrop.yaml:5: backend: there is no back-end of that name under backends; did you mean b?"},
		{"unknown back-end of a model", one + "models:\n  - match: x\n    backend: hushed\n", "outcrop.yaml:7: models[0].backend: there is no back-end"},
		{"no match", one + "models:\n  - backend: b\n", "outcrop.yaml:6: models[0]: match is missing"},
		{"never reached", one + "models:\n  - {match: x, backend: b}\n  - {match: x, backend: b}\n", "outcrop.yaml:7: models[1].match: never reached"},
		{"star", one + "models:\n  - {match: x, backend: b, name: 'y*'}\n", "outcrop.yaml:6: models[0].name: may have one *"},
		{"alias circle", "aliases: {a: b, b: c, c: b}\n", "outcrop.yaml:1: aliases.b: leads back to itself"},
		{"region", "region: hush\n", "outcrop.yaml:1: region: expected a Region"},
		{"account", "server: {account: 12}\n", "server.account: expected 12 digits"},
		{"address without a port", "server:\n  listen: 8777\n", "outcrop.yaml:2: server.listen: expected an address with a port"},
		{"half of TLS", "server: {tlsCert: hush}\n", "--tls-cert and --tls-key go together"},
		{"jitter", "simulator: {jitter: 2}\n", "simulator.jitter: expected a number from 0 to 1"},
		{"circuit", "circuit: {open: 10m}\n", "circuit.maxOpen: expected no less"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.Parse("outcrop.yaml", []byte(tt.text), config.Sources{Lookup: env()})
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got %v, want %q", err, tt.says)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error shows a value: %v", err)
			}
		})
	}
}

func TestBackendInOneFlag(t *testing.T) {
	for _, tt := range []struct{ flag, file, backend, kind, url, region, err string }{
		{flag: "openai=http://127.0.0.1:11434/v1", backend: "openai", kind: "openai", url: "http://127.0.0.1:11434/v1"},
		{flag: "simulator", backend: "simulator", kind: "simulator"},
		{flag: "amazon", backend: "amazon", kind: "amazon"},
		{flag: "amazon=us-west-2", backend: "amazon", kind: "amazon", region: "us-west-2"},
		{flag: "mine", file: "backends: {mine: {kind: openai, baseUrl: 'http://h/v1'}}", backend: "mine", kind: "openai", url: "http://h/v1"},
		{flag: "openai", err: "flag --backend: backends.openai.baseUrl: expected a URL"},
		{flag: "amazon=x", err: "flag --backend: backends.amazon.region: expected a Region"},
		{flag: "simulator=x", err: "flag --backend: backend: the simulator takes no value"},
		{flag: "opnai", err: "flag --backend: backend: there is no back-end of that name"},
		{flag: "ollama", err: "under backends; simulator, amazon and openai=URL need no entry there"},
	} {
		c, err := config.Parse("outcrop.yaml", []byte(tt.file), config.Sources{Lookup: env(), Flags: []config.Assignment{{Path: "backend", Value: tt.flag, Flag: "--backend"}}})
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: got %v, want %q", tt.flag, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.flag, err)
			continue
		}
		b := c.Backends[c.Backend]
		if c.Backend != tt.backend || !c.Only || b.Kind != tt.kind || b.BaseURL != tt.url || b.Region != tt.region {
			t.Errorf("%s: %s, only %v, %+v", tt.flag, c.Backend, c.Only, b)
		}
	}
}

// TestDefaultBackend: the simulator answers only where nothing else is
// configured.
func TestDefaultBackend(t *testing.T) {
	const openai = "{kind: openai, baseUrl: 'http://h/v1'}"
	for text, want := range map[string]string{
		"": "simulator", "backends: {a: " + openai + "}": "a", "backends: {a: " + openai + ", b: " + openai + "}": "",
		"backend: amazon": "amazon", "backend: b\nbackends: {a: " + openai + ", b: " + openai + "}": "b",
	} {
		if c := parse(t, text, config.Sources{}); c.Backend != want || c.Only {
			t.Errorf("%q: %q, want %q", text, c.Backend, want)
		}
	}
}

func TestWhereTheFileIs(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "user"))
	write := func(path, region string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("region: "+region+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func(s config.Sources) string {
		t.Helper()
		if s.Lookup == nil {
			s.Lookup = env()
		}
		c, err := config.Load(s)
		if err != nil {
			t.Fatal(err)
		}
		return c.Region + " " + c.Path
	}
	expect := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	expect(load(config.Sources{}), "us-west-2 ")
	user := config.Places()[1]
	write(user, "eu-west-1")
	expect(load(config.Sources{}), "eu-west-1 "+user)
	write("outcrop.yaml", "eu-west-2")
	expect(load(config.Sources{}), "eu-west-2 outcrop.yaml")
	write("other.yaml", "eu-west-3")
	expect(load(config.Sources{Lookup: env("OUTCROP_CONFIG", "other.yaml")}), "eu-west-3 other.yaml")
	expect(load(config.Sources{File: "outcrop.yaml", Lookup: env("OUTCROP_CONFIG", "other.yaml")}), "eu-west-2 outcrop.yaml")
	expect(load(config.Sources{File: config.NoFile}), "us-west-2 ")
	if _, err := config.Load(config.Sources{File: "missing.yaml", Lookup: env()}); !os.IsNotExist(unwrap(err)) {
		t.Errorf("a file that is named must be there: %v", err)
	}
}

func unwrap(err error) error {
	for {
		w, ok := err.(interface{ Unwrap() error })
		if !ok || os.IsNotExist(err) {
			return err
		}
		err = w.Unwrap()
	}
}

// TestTimes: what is kept may be kept for years, and what is no time is told
// from what is too long.
func TestTimes(t *testing.T) {
	for text, says := range map[string]string{"2160h": "", "87600h": "", "87601h": "at most ten years, 87600 h", "90d": "expected a time", "-1h": "expected a time"} {
		c, err := config.Parse("", nil, config.Sources{Lookup: env("OUTCROP_CONVERSATIONS_RETENTION", text)})
		switch {
		case says == "" && (err != nil || c.Conversations.Retention.String() != text+"0m0s"):
			t.Errorf("%s: %v, %v", text, c, err)
		case says != "" && (err == nil || !strings.Contains(err.Error(), says)):
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSettingErrorsNameTheirSource(t *testing.T) {
	_, err := config.Parse("", nil, config.Sources{Lookup: env("OUTCROP_CIRCUIT_OPEN", "hush")})
	if err == nil || err.Error() != "environment OUTCROP_CIRCUIT_OPEN: circuit.open: expected a time such as 500ms, 30s, 5m or 720h" {
		t.Errorf("got %v", err)
	}
	for path, says := range map[string]string{
		"server.lisen": `--set: server.lisen: unknown key "lisen"; did you mean listen?`,
		"models.x":     "--set: models.x: cannot be set this way; write it in the file",
		"server":       "--set: server: expected a mapping with the keys",
	} {
		_, err := config.Parse("", nil, config.Sources{Lookup: env(), Flags: []config.Assignment{{Path: path, Value: "x", Flag: "--set"}}})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", path, err, says)
		}
	}
}

// TestSchema: an editor accepts what the reader accepts, and refuses unknown
// keys and wrong kinds of values as it does.
func TestSchema(t *testing.T) {
	var document any
	if err := json.Unmarshal(config.Schema, &document); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text string) error {
		var value any
		asJSON, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(asJSON, &value); err != nil {
			t.Fatal(err)
		}
		return schema.Validate(value)
	}
	if err := valid(example); err != nil {
		t.Errorf("the example: %v", err)
	}
	for _, wrong := range []string{
		"modle: x\n", "server: {limits: {maxBodi: 1}}\n", "circuit: {failures: 0}\n", "circuit: {open: hush}\n", "models: x\n",
		"backends: {b: {kind: hush}}\n", "simulator: {pace: hush}\n", "server: {limits: {maxBody: 1hush}}\n",
	} {
		if valid(wrong) == nil {
			t.Errorf("%q is accepted", wrong)
		}
		if _, err := config.Parse("outcrop.yaml", []byte(wrong), config.Sources{Lookup: env()}); err == nil {
			t.Errorf("%q is accepted by the reader", wrong)
		}
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]config.Bytes{"1": 1, "64KiB": 64 << 10, "25MB": 25_000_000, "1 GiB": 1 << 30, "7B": 7} {
		got, err := config.ParseBytes(text)
		if err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
		if back, err := config.ParseBytes(got.String()); err != nil || back != got {
			t.Errorf("%q is written as %q, which is %d", text, got, back)
		}
	}
	for _, text := range []string{"", "0", "-1", "1.5MB", "MB", "1TB", "9223372036854775807KiB"} {
		if got, err := config.ParseBytes(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// FuzzParse: no file panics, what is refused is refused by name, and what is
// accepted has back-ends for all that it names.
func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Add("backend: amazon\nmodels: [{match: '*', backend: simulator, name: 'x*'}]\n")
	f.Add("aliases: {a: b, b: a}\nserver:\nprofiles: {aws: {region: eu-west-1}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Parse("outcrop.yaml", []byte(text), config.Sources{Lookup: env("HOST", "http://h", "GATEWAY", "g")})
		if err != nil {
			if s := err.Error(); !strings.HasPrefix(s, "outcrop.yaml") {
				t.Fatalf("the error does not name the file: %s", s)
			}
			return
		}
		for _, m := range c.Models {
			if _, ok := c.Backends[m.Backend]; !ok || m.Match == "" {
				t.Fatalf("route %+v of %v", m, c.Backends)
			}
		}
		if _, ok := c.Backends[c.Backend]; !ok && (c.Backend != "" || len(c.Backends) < 2) {
			t.Fatalf("default back-end %q of %v", c.Backend, c.Backends)
		}
	})
}

func TestAPIKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("hush-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for by, want := range map[string]string{"apiKeyEnv: KEY": "hush-env", "apiKeyFile: " + file: "hush-file", "engine: vllm": ""} {
		c := parse(t, "backends: {b: {kind: openai, baseUrl: 'http://h/v1', "+by+"}}", config.Sources{Lookup: env("KEY", "hush-env")})
		if key, err := c.APIKey("b"); err != nil || key != want {
			t.Errorf("%s: %q, %v", by, key, err)
		}
	}
	for by, says := range map[string]string{
		"apiKeyEnv: MISSING":        "outcrop.yaml:1: backends.b.apiKeyEnv: the environment variable MISSING is not set",
		"apiKeyFile: " + file + "x": "outcrop.yaml:1: backends.b.apiKeyFile: open ",
		"apiKeyFile: " + os.DevNull: "expected one line with the key",
	} {
		c := parse(t, "backends: {b: {kind: openai, baseUrl: 'http://h/v1', "+by+"}}", config.Sources{Lookup: env("KEY", "hush-env")})
		if _, err := c.APIKey("b"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", by, err, says)
		}
	}
}
