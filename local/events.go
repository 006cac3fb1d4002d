package local

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/events"
	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/journal/deliveries"
)

// openEvents opens what tells the targets of the settings. log is nil where
// nothing is kept. The result is nil when there are no targets.
func openEvents(ctx context.Context, s *config.Config, log *journal.Journal, logger *slog.Logger) (*events.Dispatcher, error) {
	set := &s.Events
	if len(set.Targets) == 0 {
		return nil, nil
	}
	c := events.Config{
		MaxAge: set.MaxAge, Timeout: set.Timeout, Backoff: events.Backoff{Base: set.Backoff, Max: set.MaxBackoff}, Logger: logger,
	}
	for _, name := range slices.Sorted(maps.Keys(set.Targets)) {
		t := set.Targets[name]
		target, err := openTarget(ctx, s, name, &t)
		if err != nil {
			return nil, fmt.Errorf("events.targets.%s: %w", name, err)
		}
		sub := events.Subscription{Name: name, Target: target}
		statuses := t.Statuses
		if len(statuses) == 0 {
			statuses = set.Statuses
		}
		for _, status := range statuses {
			sub.Statuses = append(sub.Statuses, bedrock.ModelInvocationJobStatus(status))
		}
		c.Targets = append(c.Targets, sub)
	}
	if log != nil {
		ledger, err := deliveries.Open(ctx, log)
		if err != nil {
			return nil, err
		}
		c.Ledger = ledger
	}
	return events.Open(ctx, c)
}

func openTarget(ctx context.Context, s *config.Config, name string, t *config.EventTarget) (events.Target, error) {
	switch t.Kind {
	case config.TargetWebhook:
		secret, err := s.TargetSecret(name)
		if err != nil {
			return nil, err
		}
		w := events.Webhook{URL: t.URL}
		switch t.Auth {
		case config.AuthHMAC:
			w.Secret = secret
		case config.AuthBearer:
			w.Bearer = secret
		}
		return events.NewWebhook(w), nil
	case config.TargetCommand:
		return events.NewCommand(t.Command), nil
	case config.TargetSNS:
		c := amazonConfig(s, "")
		if t.Profile != "" {
			c.Flag.Profile = t.Profile
		}
		c.Flag.Region = strings.Split(t.TopicARN, ":")[3]
		sign, err := amazon.Signer(ctx, c)
		if err != nil {
			return nil, err
		}
		return events.NewSNS(events.SNS{TopicARN: t.TopicARN, Endpoint: t.Endpoint, Sign: sign})
	case config.TargetNATS:
		n := events.NATS{URL: cmp.Or(t.URL, s.Nats), Credentials: t.Credentials, Subject: t.Subject, Stream: t.Stream}
		if t.URL == "" {
			n.Credentials = cmp.Or(n.Credentials, s.NatsCredentials)
		}
		return events.NewNATS(n), nil
	}
	return nil, fmt.Errorf("kind %q is not known", t.Kind)
}
