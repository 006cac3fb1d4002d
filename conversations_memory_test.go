package outcrop_test

import (
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/internal/conversationstest"
)

func TestMemoryConversations(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	conversationstest.Run(t,
		func(*testing.T) outcrop.Conversations {
			return outcrop.NewMemoryConversations(func() time.Time { return now })
		},
		func(*testing.T) time.Time {
			now = now.Add(time.Hour)
			return now
		})
}
