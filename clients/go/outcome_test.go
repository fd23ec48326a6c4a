package jetfleet

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestRetryDelay(t *testing.T) {
	policy := RetryPolicy{Base: time.Second, Max: 5 * time.Minute, NoJitter: true}
	for attempt, expected := range map[int64]time.Duration{1: time.Second, 2: 2 * time.Second, 9: 256 * time.Second, 10: 5 * time.Minute, 99: 5 * time.Minute} {
		if delay := policy.delay(attempt, 0); delay != expected {
			t.Errorf("after attempt %d: %s, expected %s", attempt, delay, expected)
		}
	}
	if delay := policy.delay(1, time.Hour); delay != time.Hour {
		t.Errorf("with a hint: %s", delay)
	}
	policy.NoJitter = false
	for i := 0; i < 100; i++ {
		if delay := policy.delay(3, 0); delay < 0 || delay > 4*time.Second {
			t.Errorf("with jitter: %s", delay)
		}
	}
}

func TestErrorOf(t *testing.T) {
	limited := &Error{Code: "RATE_LIMITED", Err: errors.New("429")}
	for _, each := range []struct {
		err       error
		code      string
		retryable bool
		afterMs   int64
	}{
		{errors.New("no"), "JETFLEET_HANDLER_FAILED", true, 0},
		{fmt.Errorf("wrapped: %w", limited), "RATE_LIMITED", true, 0},
		{RetryAfter(limited, time.Second), "RATE_LIMITED", true, 1_000},
		{Permanent(errors.New("never")), "JETFLEET_NON_RETRYABLE", false, 0},
		{Permanent(limited), "RATE_LIMITED", false, 0},
		{RetryAfter(Permanent(limited), time.Second), "RATE_LIMITED", false, 1_000},
	} {
		found := errorOf(each.err)
		if found.Code != each.code || found.Retryable != each.retryable || found.RetryAfterMs != each.afterMs {
			t.Errorf("%v: %+v", each.err, found)
		}
	}
}

func TestIsGivenUp(t *testing.T) {
	for _, each := range []struct {
		err     error
		isGiven bool
	}{
		{nil, false},
		{context.Canceled, true},
		{errors.New("signal: killed"), true},
		{Snooze(time.Second, nil), false},
		{fmt.Errorf("wrapped: %w", Permanent(errors.New("never"))), false},
	} {
		if isGivenUp(each.err) != each.isGiven {
			t.Errorf("%v", each.err)
		}
	}
}

func TestDerivedID(t *testing.T) {
	long := fmt.Sprintf("%0128d", 7)
	derived := derivedID(long, "next")
	if len(derived) != maxIDLength || !isDerivedID(derived, long) || isDerivedID("a-b", "c") || !isDerivedID("a-b", "a") {
		t.Errorf("%s", derived)
	}
}
