package jetfleet

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
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

func TestOptionsThatCannotBeUsedHaveACode(t *testing.T) {
	var coded *Error
	for _, options := range []Options{{AckWait: -1}, {ShutdownTimeout: -1}, {ConfirmTimeout: -1}} {
		if _, err := NewWorker(nil, options); !errors.As(err, &coded) || coded.Code != "JETFLEET_OPTION_INVALID" {
			t.Errorf("%+v: %v", options, err)
		}
	}
	w, err := NewWorker(nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	handler := func(context.Context, *Job) (any, error) { return nil, nil }
	for _, options := range []HandlerOptions{
		{Timeout: -1}, {Timeout: 25 * time.Hour}, {Retry: RetryPolicy{Base: -1}}, {Retry: RetryPolicy{Max: -1}}, {Concurrency: -1},
		{MaxAttempts: 101}, {Version: -1},
	} {
		if err := w.Handle("step", handler, options); !errors.As(err, &coded) || coded.Code != "JETFLEET_OPTION_INVALID" {
			t.Errorf("%+v: %v", options, err)
		}
	}
	if err := w.Handle("Not-Snake", handler, HandlerOptions{}); !errors.As(err, &coded) || coded.Code != "JETFLEET_TYPE_INVALID" {
		t.Errorf("a wrong type: %v", err)
	}
}

func TestATypeWhoseWorkersDoNotAnnounceLimitsIsRefused(t *testing.T) {
	for name, each := range map[string]struct {
		metadata  map[string]string
		isRefused bool
	}{
		"of an older worker": {map[string]string{"jetfleet.max_attempts": "3", "jetfleet.after": "no"}, true},
		"with limits":        {map[string]string{"jetfleet.max_attempts": "3", "jetfleet.limits": "yes"}, true},
		"without limits":     {map[string]string{"jetfleet.max_attempts": "3", "jetfleet.limits": "no"}, false},
		"that nobody serves": {nil, false},
	} {
		if err := refusal("step", consumerConfig{Metadata: each.metadata}); (err != nil) != each.isRefused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARefusedRequestIsNotRepeatedAtOnce(t *testing.T) {
	w, err := NewWorker(nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(newLane(w, "step", nil, HandlerOptions{Concurrency: 1}), 0)
	p := &pull{isOver: true}
	s.status(p, &nats.Msg{Header: nats.Header{"Status": {"409"}, "Description": {"Exceeded MaxWaiting"}}})
	if !s.isRefused() || s.takeGone() {
		t.Error("a full consumer is asked again at once, or taken for a deleted one")
	}
	s.status(p, &nats.Msg{Header: nats.Header{"Status": {"409"}, "Description": {"Consumer Deleted"}}})
	if !s.takeGone() {
		t.Error("a deleted consumer is not noticed")
	}
}

func TestARunIsFoundByItsMessage(t *testing.T) {
	w, err := NewWorker(nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &run{message: 7}
	w.runs["seq-7-lx1"] = r
	if w.runOf(7) != r || w.runOf(8) != nil {
		t.Error("a job that runs under another id than its message names is not found")
	}
}
