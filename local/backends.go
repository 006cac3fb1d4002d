package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/backend/openai"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/backend/simulator/strict"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/governed"
	"github.com/outcrop-ai/outcrop/lowered"
	"github.com/outcrop-ai/outcrop/route"
)

// kind is a kind of back-end. A new kind is a line in kinds, and an entry in
// the enumeration of config.Backend.Kind.
type kind struct {
	native bool // it takes a model's own bodies under any name
	open   func(o *opener, name string) (outcrop.Backend, error)
	where  func(o *opener, name string) string // it runs, for people; without secrets
}

var kinds = map[string]kind{
	config.KindSimulator: {native: true, open: openSimulator, where: func(*opener, string) string { return "built in" }},
	config.KindOpenAI:    {open: openOpenAI, where: openAIPlace},
	config.KindAmazon:    {native: true, open: openAmazon, where: amazonPlace},
}

// opener makes the back-ends of a configuration.
type opener struct {
	settings  *config.Config
	simulated simulator.Config
	simulator *simulator.Backend         // nil until one is asked for
	grants    strict.Grants              // of the simulator
	strict    *strict.Backend            // around the simulator, where there are grants
	governor  *governed.Governor         // nil without quotas
	made      map[string]outcrop.Backend // by name
	queues    map[string]governed.Queue  // before back-ends, by name
	closers   []io.Closer
	services  map[string]outcrop.Jobs // of back-ends that run jobs themselves
}

// backend makes one back-end.
func (o *opener) backend(name string) (route.Backend, error) {
	b := o.settings.Backends[name]
	k, ok := kinds[b.Kind]
	if !ok {
		return route.Backend{}, fmt.Errorf("back-end %s: this program has no kind %q; it has %s", name, b.Kind, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	made, err := k.open(o, name)
	if err != nil {
		return route.Backend{}, fmt.Errorf("back-end %s: %w", name, err)
	}
	if o.made == nil {
		o.made = map[string]outcrop.Backend{}
	}
	o.made[name] = made
	if closer, ok := made.(io.Closer); ok {
		o.closers = append(o.closers, closer)
	}
	if service, ok := made.(*amazon.Backend); ok && b.Batch != config.BatchOnDemand {
		if o.services == nil {
			o.services = map[string]outcrop.Jobs{}
		}
		o.services[name] = service.Jobs()
	}
	return route.Backend{Backend: made, Native: k.native, Model: b.Model}, nil
}

// router makes all back-ends, and what chooses among them.
func (o *opener) router(unlisted func(string, error)) (*route.Router, error) {
	s := o.settings
	rc := route.Config{
		Backends: map[string]route.Backend{}, Default: s.Backend, Aliases: s.Aliases, OnUnlisted: unlisted,
		Breaker: route.Breaker{Failures: s.Circuit.Failures, Open: s.Circuit.Open, MaxOpen: s.Circuit.MaxOpen},
	}
	if !s.Only {
		rc.Routes = routesOf(s)
	}
	for _, name := range inUse(s) {
		b, err := o.backend(name)
		if err != nil {
			return nil, errors.Join(err, o.close())
		}
		rc.Backends[name] = b
	}
	if err := o.govern(rc.Backends); err != nil {
		return nil, errors.Join(err, o.close())
	}
	if o.governor != nil {
		rc.Placer = placer{o.governor}
	}
	r, err := route.New(rc)
	if err != nil {
		return nil, errors.Join(err, o.close())
	}
	return r, nil
}

func routesOf(s *config.Config) []route.Route {
	var routes []route.Route
	for _, m := range s.Models {
		r := route.Route{Match: m.Match}
		for _, l := range m.Lanes {
			r.Lanes = append(r.Lanes, route.Lane(l))
		}
		if len(m.Lanes) == 0 {
			r.Targets = append(r.Targets, route.Target{Backend: m.Backend, Name: m.Name})
		}
		for _, t := range m.Failover {
			r.Targets = append(r.Targets, route.Target(t))
		}
		routes = append(routes, r)
	}
	return routes
}

// retrying asks again after errors that may pass. The simulator's errors are
// there to be seen, so it is left alone where it alone answers.
func (o *opener) retrying(r *route.Router) outcrop.Backend {
	for _, name := range inUse(o.settings) {
		if o.settings.Backends[name].Kind != config.KindSimulator {
			return route.NewRetry(r, route.RetryConfig{})
		}
	}
	return r
}

// inUse are the back-ends that a call can reach. The others are not opened:
// the key of a server that nobody asks need not be there.
func inUse(s *config.Config) []string {
	used := map[string]bool{}
	if s.Backend != "" {
		used[s.Backend] = true
	}
	if !s.Only {
		for _, m := range s.Models {
			if len(m.Lanes) == 0 {
				used[m.Backend] = true
			}
			for _, l := range m.Lanes {
				used[l.Backend] = true
			}
			for _, t := range m.Failover {
				used[t.Backend] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(used))
}

func (o *opener) close() error {
	var errs []error
	if o.governor != nil {
		errs = append(errs, o.governor.Close())
	}
	for _, c := range o.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Place is a back-end and where it is, for people.
type Place struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Where string `json:"where"`
}

// Places lists the back-ends that a call can reach. It calls nobody and shows
// no secret.
func Places(s *config.Config) []Place {
	o := &opener{settings: s}
	var list []Place
	for _, name := range inUse(s) {
		p := Place{Name: name, Kind: s.Backends[name].Kind}
		if k, ok := kinds[p.Kind]; ok {
			p.Where = k.where(o, name)
		}
		list = append(list, p)
	}
	return list
}

// openSimulator gives every back-end of this kind the same simulator.
func openSimulator(o *opener, _ string) (outcrop.Backend, error) {
	if o.simulator == nil {
		c, s := o.simulated, o.settings.Simulator
		if c.Rules == nil && c.RulesFile == "" {
			c.RulesFile = s.Rules
		}
		if c.Pace == nil && s.Pace {
			pace := simulator.Pace{FirstToken: s.FirstToken, TokensPerSecond: s.TokensPerSecond, Jitter: s.Jitter}
			if n := simulator.Nominal; pace == (simulator.Pace{FirstToken: n.FirstToken, TokensPerSecond: n.TokensPerSecond, Jitter: n.Jitter}) {
				pace = n
			}
			c.Pace = &pace
		}
		if c.Concurrent == 0 {
			c.Concurrent = s.Concurrent
		}
		var err error
		if o.simulator, err = simulator.New(c); err != nil {
			return nil, err
		}
		if len(o.grants) > 0 {
			if o.strict, err = strict.New(strict.Config{Simulator: o.simulator, Grants: o.grants, Catalog: c.Catalog}); err != nil {
				return nil, err
			}
		}
	}
	if o.strict != nil {
		return o.strict, nil
	}
	return o.simulator, nil
}

func openOpenAI(o *opener, name string) (outcrop.Backend, error) {
	b := o.settings.Backends[name]
	key, err := o.settings.APIKey(name)
	if err != nil {
		return nil, err
	}
	backend, err := openai.New(openai.Config{
		BaseURL: b.BaseURL, APIKey: key, Header: b.Headers, Engine: b.Engine,
		DialTimeout: b.Limits.Dial, FirstByteTimeout: b.Limits.FirstByte, IdleTimeout: b.Limits.Idle, ReplyTimeout: b.Limits.Reply,
		MaxReply: int64(b.Limits.MaxReply), MaxEvent: int(b.Limits.MaxEvent), MaxConnections: b.Limits.MaxConnections,
	})
	if err != nil {
		return nil, err
	}
	return lowered.New(backend), nil
}

func openAIPlace(o *opener, name string) string {
	u, err := url.Parse(o.settings.Backends[name].BaseURL)
	if err != nil {
		return ""
	}
	u.RawQuery = "" // a gateway's key may stand there
	return u.Redacted()
}

func openAmazon(o *opener, name string) (outcrop.Backend, error) {
	return amazon.New(context.Background(), amazonConfig(o.settings, name))
}

func amazonPlace(o *opener, name string) string {
	place, err := amazon.Where(context.Background(), amazonConfig(o.settings, name))
	if err != nil {
		return err.Error()
	}
	profile := place.Profile
	if profile.Value == "" {
		profile.Value = "none"
	}
	where := fmt.Sprintf("region %s (%s), profile %s (%s), credentials: %s", place.Region.Value, place.Region.From, profile.Value, profile.From, place.Credentials.Value)
	if place.Elsewhere() {
		where = fmt.Sprintf("%s (%s), %s", place.Endpoint.Value, place.Endpoint.From, where)
	}
	return where
}

// Account is where a call to Amazon Bedrock goes by these settings, and as
// whom: profile and Region by the rule that amazon back-ends follow. It reads
// ~/.aws and calls nobody.
func Account(ctx context.Context, s *config.Config) (amazon.Place, error) {
	return amazon.Where(ctx, amazonConfig(s, ""))
}

// amazonConfig hands over what was said about profile and Region, and leaves
// the rest to the AWS configuration. What stands in the back-end itself is
// more particular than the environment, which is about all of them.
func amazonConfig(s *config.Config, name string) amazon.Config {
	b := s.Backends[name]
	c := amazon.Config{Name: name, Limits: amazon.Limits{
		Dial: b.Limits.Dial, Accept: b.Limits.FirstByte, Idle: b.Limits.Idle, Answer: b.Limits.Reply, MaxReply: int(b.Limits.MaxReply),
	}}
	c.Owner = config.OwnerTenant
	c.Flag = amazon.Choice{Profile: b.Profile, Region: b.Region, Endpoint: b.Endpoint, Control: b.ControlEndpoint}
	at := "backends." + name
	if b.Profile != "" {
		c.Flag.ProfileFrom = s.Origin(at + ".profile").String()
	}
	if b.Region != "" {
		c.Flag.RegionFrom = s.Origin(at + ".region").String()
	}
	if b.Endpoint != "" {
		c.Flag.EndpointFrom = s.Origin(at + ".endpoint").String()
	}
	hand := func(key, value string, flag, flagFrom, file, fileFrom *string) {
		switch o := s.Origin(key); {
		case *flag != "" || o.Source == config.FromEnvironment && strings.HasPrefix(o.Name, "AWS_"):
		case o.Source == config.FromFile:
			*file, *fileFrom = value, o.String()
		case o.Source > config.FromFile:
			*flag, *flagFrom = value, o.String()
		}
	}
	hand("profile", s.Profile, &c.Flag.Profile, &c.Flag.ProfileFrom, &c.File.Profile, &c.File.ProfileFrom)
	hand("region", s.Region, &c.Flag.Region, &c.Flag.RegionFrom, &c.File.Region, &c.File.RegionFrom)
	if len(b.Roles) > 0 {
		roles := make(map[string]amazon.Role, len(b.Roles))
		for tenant, r := range b.Roles {
			roles[tenant] = amazon.Role{ARN: r.ARN, ExternalID: r.ExternalID, SessionName: r.SessionName, Duration: r.Duration}
		}
		c.AssumeRole = amazon.Roles(roles)
	}
	return c
}
