package jetfleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Handler runs a job. The result is any value with a JSON form, nil for none. An error is retried with backoff, unless it is
// Permanent; Snooze ends the run without an end of the job. The context is done when the handler has to stop; see StopReason.
type Handler func(ctx context.Context, job *Job) (result any, err error)

// Job is a job that a handler runs.
type Job struct {
	ID          string
	Type        string
	Priority    string
	Attempt     int // from 1
	MaxAttempts int
	Payload     json.RawMessage
	CreatedAt   time.Time
	// Headers of the trace that the producer began, empty for none.
	TraceParent, TraceState string

	run *run
}

// Bind reads the payload into a value. A payload that does not fit is a permanent error.
func (j *Job) Bind(value any) error {
	if err := json.Unmarshal(j.Payload, value); err != nil {
		return &Error{Code: "JETFLEET_PAYLOAD_INVALID", Err: err, permanent: true}
	}
	return nil
}

// Checkpoint is what an earlier run of the job has left, nil for nothing.
func (j *Job) Checkpoint() json.RawMessage { return j.run.checkpoint() }

// SaveCheckpoint makes something durable for later runs of the job. It fails with ErrStopped when the job was lost or cancelled.
func (j *Job) SaveCheckpoint(value any) error { return j.run.saveCheckpoint(value) }

// Why a handler has to stop.
const (
	// Cancelled: somebody has cancelled the job.
	Cancelled = "cancelled"
	// LeaseLost: another worker has the job.
	LeaseLost = "lease_lost"
	// TimedOut: the attempt took longer than it may.
	TimedOut = "timeout"
	// Draining: the worker shuts down. The job runs elsewhere, and the attempt does not count.
	Draining = "draining"
)

// ErrStopped is the error of a call that comes after the handler was stopped.
var ErrStopped = errors.New("jetfleet: the job was stopped")

type runKey struct{}

// StopReason says why the context of a handler is done, empty while it is not.
func StopReason(ctx context.Context) string {
	r, is := ctx.Value(runKey{}).(*run)
	if !is {
		return ""
	}
	return r.stopReason()
}

// Error is an error with a code, as the record of the job shows it.
type Error struct {
	// Code is a name such as `RATE_LIMITED`; JETFLEET_HANDLER_FAILED when empty.
	Code string
	Err  error
	// RetryAfter is how long the next attempt waits at least.
	RetryAfter time.Duration

	permanent bool
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Code
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// invalid is the error of a call with a value that cannot be used.
func invalid(code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf("jetfleet: "+format, args...), permanent: true}
}

// Permanent marks an error that no further attempt can correct: the job fails at once.
func Permanent(err error) error {
	marked := &Error{Err: err, permanent: true}
	var inner *Error
	if errors.As(err, &inner) {
		marked.Code = inner.Code
	}
	return marked
}

// RetryAfter marks an error that says when to try again, such as that of an HTTP 429.
func RetryAfter(err error, delay time.Duration) error {
	marked := &Error{Err: err, RetryAfter: delay}
	var inner *Error
	if errors.As(err, &inner) {
		marked.Code, marked.permanent = inner.Code, inner.permanent
	}
	return marked
}

type snoozed struct {
	delay      time.Duration
	checkpoint any
}

func (s *snoozed) Error() string { return fmt.Sprintf("snoozed for %s", s.delay) }

// Snooze ends the run of a handler: the job is run again after the delay, in the same attempt, and holds no slot until then. A checkpoint
// that is not nil replaces the one before.
func Snooze(delay time.Duration, checkpoint any) error {
	return &snoozed{delay: delay, checkpoint: checkpoint}
}
