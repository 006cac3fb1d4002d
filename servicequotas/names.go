package servicequotas

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/catalog"
)

// Quota is one named quota.
type Quota struct {
	Name  string
	Code  string
	Value float64
}

// The scopes of a model's quotas.
const (
	InRegion = "in-region"
	Geo      = "geo"
	Global   = "global"
)

// Limits are a model's quotas in one scope. 0 is not known, or no limit.
type Limits struct {
	TokensPerMinute   int64 `json:"tpm"`
	RequestsPerMinute int64 `json:"rpm"`
	TokensPerDay      int64 `json:"tokensPerDay"`
	ConcurrentJobs    int   `json:"concurrentJobs"`
}

// Model is a model's limits in one scope.
type Model struct {
	ID    string `json:"model"`
	Scope string `json:"scope"`
	Limits
}

// kinds are the beginnings of the names, and what they are about. AWS's capitals
// vary.
var kinds = []struct {
	prefix string
	scope  string
	field  func(*Limits) *int64
}{
	{"On-demand model inference tokens per minute for ", InRegion, tokens},
	{"On-demand model inference requests per minute for ", InRegion, requests},
	{"Cross-region model inference tokens per minute for ", Geo, tokens},
	{"Cross-region model inference requests per minute for ", Geo, requests},
	{"Global cross-region model inference tokens per minute for ", Global, tokens},
	{"Global cross-region model inference requests per minute for ", Global, requests},
	{"Model invocation max tokens per day for ", InRegion, day},
	{"Cross-region model invocation max tokens per day for ", Geo, day},
	{"Global cross-region model invocation max tokens per day for ", Global, day},
}

// jobsPrefix begins the name of the quota of batch jobs, which has no scope.
const jobsPrefix = "Sum of in-progress and submitted batch inference jobs using a base model for "

func tokens(l *Limits) *int64   { return &l.TokensPerMinute }
func requests(l *Limits) *int64 { return &l.RequestsPerMinute }
func day(l *Limits) *int64      { return &l.TokensPerDay }

// List names the limits of a catalogue's models, as limits tells them; those
// that are 0 are left out.
func List(known *catalog.Catalog, limits func(model, scope string) Limits) []Quota {
	var list []Quota
	add := func(name string, value int64) {
		if value > 0 {
			list = append(list, Quota{Name: name, Code: codeOf(name), Value: float64(value)})
		}
	}
	for _, m := range known.Models() {
		called := called(m)
		jobs := 0
		for _, scope := range scopes(m) {
			l := limits(m.ID, scope)
			jobs = max(jobs, l.ConcurrentJobs)
			for _, k := range kinds {
				if k.scope == scope {
					add(k.prefix+called, *k.field(&l))
				}
			}
		}
		add(jobsPrefix+called, int64(jobs))
	}
	slices.SortFunc(list, func(a, b Quota) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(list, func(a, b Quota) bool { return a.Name == b.Name })
}

// scopes are the ways in which a model can be asked.
func scopes(m *catalog.Model) []string {
	var list []string
	if m.OnDemand || len(m.Profiles) == 0 {
		list = append(list, InRegion)
	}
	for _, p := range m.Profiles {
		scope := Geo
		if strings.HasPrefix(p.ID, Global+".") {
			scope = Global
		}
		if !slices.Contains(list, scope) {
			list = append(list, scope)
		}
	}
	return list
}

// called is a model's name with its maker before it.
func called(m *catalog.Model) string {
	if strings.HasPrefix(m.Name, m.Provider) {
		return m.Name
	}
	return m.Provider + " " + m.Name
}

func codeOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "L-" + strings.ToUpper(hex.EncodeToString(sum[:4]))
}

// Read finds the models that quotas are about. What is about inference and
// about no model that the catalogue knows is returned as unknown; quotas of
// other things are passed over.
func Read(known *catalog.Catalog, list []Quota) (models []Model, unknown []Quota) {
	byWords := map[string][]*catalog.Model{}
	for _, m := range known.Models() {
		words := wordsOf(called(m))
		byWords[words] = append(byWords[words], m)
	}
	limits := map[[2]string]*Limits{}
	at := func(model, scope string) *Limits {
		key := [2]string{model, scope}
		if limits[key] == nil {
			limits[key] = &Limits{}
		}
		return limits[key]
	}
	jobs := map[string]int{}
	for _, q := range list {
		scope, field, name, ok := parse(q.Name)
		if !ok {
			continue
		}
		found := byWords[wordsOf(name)]
		if plain, _, remark := strings.Cut(name, "("); len(found) == 0 && remark { // "(doubled for …)"
			found = byWords[wordsOf(plain)]
		}
		if len(found) == 0 {
			unknown = append(unknown, q)
		}
		for _, m := range found {
			if field == nil {
				jobs[m.ID] = int(q.Value)
				continue
			}
			*field(at(m.ID, scope)) = int64(q.Value)
		}
	}
	for key, l := range limits {
		l.ConcurrentJobs = jobs[key[0]]
		if *l != (Limits{ConcurrentJobs: l.ConcurrentJobs}) {
			models = append(models, Model{ID: key[0], Scope: key[1], Limits: *l})
		}
	}
	slices.SortFunc(models, func(a, b Model) int { return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Scope, b.Scope)) })
	return models, unknown
}

// parse takes a quota's name apart. The field is nil for batch jobs.
func parse(name string) (scope string, field func(*Limits) *int64, model string, ok bool) {
	cut := func(prefix string) bool {
		if len(name) <= len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
			return false
		}
		model = name[len(prefix):]
		return true
	}
	for _, k := range kinds {
		if cut(k.prefix) {
			return k.scope, k.field, model, true
		}
	}
	if cut(jobsPrefix) {
		return "", nil, model, true
	}
	return "", nil, "", false
}

// fillers are words that some of the names have and others have not.
var fillers = map[string]bool{
	"amazon": true, "anthropic": true, "meta": true, "mistral": true, "ai": true, "cohere": true, "ai21": true, "labs": true,
	"deepseek": true, "openai": true, "qwen": true, "google": true, "nvidia": true, "v1": true, "v1.0": true, "text": true, "model": true,
}

// wordsOf is a model's name by which names are held against each other: its
// words in order of the alphabet, without makers and the first version's
// number. A name of nothing but such words stays whole.
func wordsOf(name string) string {
	all := strings.FieldsFunc(strings.ToLower(strings.ReplaceAll(name, "+", " plus")), func(r rune) bool {
		return r == ' ' || r == '-' || r == '_' || r == ',' || r == '/' || r == '(' || r == ')'
	})
	var words []string
	for _, w := range all {
		if !fillers[w] {
			words = append(words, w)
		}
	}
	// A maker's name may be all that tells two models apart: Mistral 7B.
	if len(words) < 2 {
		words = all
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}
