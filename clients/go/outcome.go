package jetfleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"time"
)

// RetryPolicy is how long to wait before the next attempt.
type RetryPolicy struct {
	// Base is the delay after the first failure; it doubles with each further one. Defaults to 1 second.
	Base time.Duration
	// Max is the longest delay. Defaults to 5 minutes.
	Max time.Duration
	// NoJitter waits exactly; by default the delay is drawn from 0 to the whole, so that jobs which failed together do not return together.
	NoJitter bool
}

func (p RetryPolicy) delay(attempt int64, atLeast time.Duration) time.Duration {
	whole := time.Duration(math.Min(float64(p.Base)*math.Pow(2, math.Min(float64(attempt-1), 30)), float64(p.Max)))
	if !p.NoJitter && whole > 0 {
		whole = time.Duration(rand.Int63n(int64(whole)))
	}
	if whole < atLeast {
		whole = atLeast
	}
	if whole > maxDelay {
		whole = maxDelay
	}
	return whole.Round(time.Millisecond)
}

// outcomeOf is what a handler's end makes of its job.
func outcomeOf(before record, result any, err error, policy RetryPolicy) transition {
	t := transition{attempt: before.attempt()}
	var snooze *snoozed
	switch {
	case errors.As(err, &snooze):
		return snoozeOf(t, snooze)
	case err != nil:
		return failureOf(t, before, errorOf(err), policy)
	}
	t.state = "completed"
	if result == nil {
		return t
	}
	text, problem := jsonOf("the result", result)
	if problem != nil {
		return failureOf(t, before, problem, policy)
	}
	t.result = text
	return t
}

func snoozeOf(t transition, s *snoozed) transition {
	t.state, t.waits = "waiting", true
	if t.delay = s.delay; t.delay < 0 {
		t.delay = 0
	} else if t.delay > maxDelay {
		t.delay = maxDelay
	}
	if s.checkpoint == nil {
		return t
	}
	text, problem := jsonOf("the checkpoint", s.checkpoint)
	if problem != nil {
		return transition{state: "rejected", attempt: t.attempt, err: problem}
	}
	t.checkpoint = text
	return t
}

func failureOf(t transition, before record, problem *fault, policy RetryPolicy) transition {
	t.err = problem
	switch {
	case !problem.Retryable:
		t.state = "rejected"
	case before.attempt() < before.int("maxAttempts"):
		t.state, t.waits = "retrying", true
		t.delay = policy.delay(before.attempt(), time.Duration(problem.RetryAfterMs)*time.Millisecond)
	default:
		t.state = "exhausted"
	}
	return t
}

// errorOf is an error of a handler, as it stands on a record.
func errorOf(err error) *fault {
	problem := &fault{Code: "JETFLEET_HANDLER_FAILED", Message: clip(err.Error(), maxErrorMessageLength), Retryable: true}
	var coded *Error
	if !errors.As(err, &coded) {
		return problem
	}
	if coded.permanent {
		problem.Code, problem.Retryable = "JETFLEET_NON_RETRYABLE", false
	}
	if coded.Code != "" {
		problem.Code = clip(coded.Code, maxErrorCodeLength)
	}
	if coded.RetryAfter > 0 {
		problem.RetryAfterMs = coded.RetryAfter.Milliseconds()
		if problem.RetryAfterMs > maxDelay.Milliseconds() {
			problem.RetryAfterMs = maxDelay.Milliseconds()
		}
	}
	return problem
}

// jsonOf is a value that a handler leaves on the record of its job.
func jsonOf(what string, value any) (json.RawMessage, *fault) {
	text, err := encode(value)
	if err != nil {
		return nil, &fault{Code: "JETFLEET_RESULT_INVALID", Message: clip(fmt.Sprintf("%s has no JSON form: %v", what, err), maxErrorMessageLength)}
	}
	if len(text) > maxResultBytes {
		message := fmt.Sprintf("%s has %d bytes, the limit is %d; store large data elsewhere and keep a reference", what, len(text), maxResultBytes)
		return nil, &fault{Code: "JETFLEET_RESULT_TOO_LARGE", Message: message}
	}
	scan := exactScan{text: text}
	if found := scan.value(""); found != nil {
		return nil, &fault{Code: "JETFLEET_RESULT_INVALID", Message: clip(what+": "+found.Message, maxErrorMessageLength)}
	}
	return text, nil
}
