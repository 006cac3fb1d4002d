package openai

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fixedClock() time.Time { return time.Unix(1700000000, 0) }
