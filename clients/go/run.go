package jetfleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// run is one job in the hands of this worker, until its message is acknowledged, handed back or lost.
type run struct {
	worker *Worker
	lane   *lane
	// message is the sequence of the work message, which stays the same.
	message  uint64
	handling context.Context
	cancel   context.CancelFunc

	// writing holds while a record is written: each is fenced by the one before.
	writing sync.Mutex

	mu       sync.Mutex
	record   record
	seq      uint64
	delivery *delivery
	reason   string
	isOver   bool
	stopped  chan struct{}

	// doubt is set while it is not known whether the job is still this worker's.
	doubt atomic.Bool
}

func newRun(w *Worker, l *lane, d *delivery, claimed *claimedJob) *run {
	r := &run{worker: w, lane: l, message: d.seq, record: claimed.record, seq: claimed.seq, delivery: d, stopped: make(chan struct{})}
	r.handling, r.cancel = context.WithCancel(context.WithValue(context.Background(), runKey{}, r))
	return r
}

// adopt takes a message that comes again: its redelivery crossed a heartbeat.
func (r *run) adopt(d *delivery) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isOver || d.seq != r.delivery.seq {
		return false
	}
	r.delivery = d
	d.working()
	// Its lease has ended meanwhile: another worker may have had the message.
	r.doubt.Store(true)
	go r.verify()
	return true
}

func (r *run) current() (record, uint64, *delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.record, r.seq, r.delivery
}

func (r *run) checkpoint() json.RawMessage {
	last, _, _ := r.current()
	return last["checkpoint"]
}

func (r *run) stopReason() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reason
}

// stop stops the handler, once. It says whether it did.
func (r *run) stop(reason string) bool {
	r.mu.Lock()
	if r.isOver || r.reason != "" {
		r.mu.Unlock()
		return false
	}
	r.reason = reason
	r.mu.Unlock()
	r.cancel()
	close(r.stopped)
	return true
}

type ended struct {
	result any
	err    error
}

// errExited is the error of a handler that has ended its goroutine.
var errExited = errors.New("the handler neither returned nor panicked: it called runtime.Goexit")

// execute runs the handler to its end, or to what ends it before. It keeps the job until its end is written, and returns when the handler
// has returned.
func (r *run) execute() {
	defer r.cancel()
	job := r.job()
	done := make(chan ended, 1)
	go func() {
		end := ended{err: errExited}
		defer func() { done <- end }()
		end.result, end.err = r.handle(r.handling, job)
	}()
	timeout := time.NewTimer(r.timeout())
	defer timeout.Stop()
	beats := newHeartbeat(r)
	defer beats.ticker.Stop()
	expired, stopped := timeout.C, r.stopped
	var written chan struct{}
	write := func(end func()) {
		expired, stopped, written = nil, nil, make(chan struct{})
		go func(written chan struct{}) {
			defer close(written)
			end()
		}(written)
	}
	for hasReturned := false; !hasReturned || written != nil; {
		select {
		case end := <-done:
			hasReturned = true
			// What has stopped it before has ended its job already.
			if stopped != nil {
				write(func() { r.conclude(end) })
			}
		case <-expired:
			expired = nil
			if len(done) == 0 && r.stop(TimedOut) {
				write(r.timeOut)
			}
		case <-stopped:
			if len(done) > 0 {
				// It has returned: its outcome counts.
				continue
			}
			expired, stopped = nil, nil
			if r.stopReason() == Draining {
				write(r.release)
			}
		case <-written:
			written = nil
		case <-beats.ticker.C:
			beats.beat()
		}
	}
}

// conclude writes what a handler has led to that has returned.
func (r *run) conclude(end ended) {
	if r.stopReason() == Draining && isGivenUp(end.err) {
		r.release()
		return
	}
	r.finish(func(last record) transition { return outcomeOf(last, end.result, end.err, r.lane.options.Retry) })
}

// isGivenUp says whether an error may come of a context that is done: a snooze, and what no attempt can correct, do not.
func isGivenUp(err error) bool {
	var snooze *snoozed
	var coded *Error
	return err != nil && !errors.As(err, &snooze) && !(errors.As(err, &coded) && coded.permanent)
}

func (r *run) timeOut() {
	message := fmt.Sprintf("The attempt ran longer than %d ms", r.timeout().Milliseconds())
	r.finish(func(last record) transition {
		return transition{state: "timed_out", attempt: last.attempt(), err: &fault{Code: "JETFLEET_TIMEOUT", Message: message}}
	})
}

// release hands the job back. The attempt does not count.
func (r *run) release() {
	r.finish(func(last record) transition {
		attempt := last.attempt() - 1
		if attempt < 0 {
			attempt = 0
		}
		return transition{state: "queued", attempt: attempt}
	})
}

func (r *run) handle(ctx context.Context, job *Job) (result any, err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			r.worker.logf("the handler of job %s panicked: %v\n%s", job.ID, thrown, debug.Stack())
			result, err = nil, fmt.Errorf("the handler panicked: %v", thrown)
		}
	}()
	return r.lane.handler(ctx, job)
}

func (r *run) job() *Job {
	last, _, _ := r.current()
	createdAt, _ := last.time("createdAt")
	return &Job{
		ID: last.id(), Type: last.text("type"), Priority: last.text("priority"),
		Attempt: int(last.attempt()), MaxAttempts: int(last.int("maxAttempts")),
		Payload: last["payload"], CreatedAt: createdAt,
		TraceParent: last.text("traceparent"), TraceState: last.text("tracestate"),
		run: r,
	}
}

func (r *run) timeout() time.Duration {
	last, _, _ := r.current()
	limit := r.lane.options.Timeout
	if last.has("timeoutMs") {
		limit = time.Duration(last.int("timeoutMs")) * time.Millisecond
	}
	if limit <= 0 || limit > maxTimeout {
		limit = maxTimeout
	}
	return limit
}

// facts is who makes a transition, by which message, and when.
func (r *run) facts(t transition, d *delivery) transition {
	t.worker, t.workSeq, t.now = r.worker.options.Name, d.seq, r.worker.broker.now(d.time)
	return t
}

func (r *run) saveCheckpoint(value any) error {
	text, problem := jsonOf("the checkpoint", value)
	if problem != nil {
		return &Error{Code: problem.Code, Err: errors.New(problem.Message), permanent: true}
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	if r.stopReason() != "" {
		return ErrStopped
	}
	last, _, d := r.current()
	saved := last.copy()
	saved["checkpoint"] = text
	saved.set("updatedAt", r.worker.broker.now(d.time).UTC().Format(timeLayout))
	return r.append(saved)
}

// append writes a record behind the one before. After a conflict the job is somebody else's.
func (r *run) append(next record) error {
	_, seq, _ := r.current()
	written, err := r.worker.broker.append(r.worker.background, next, seq)
	if errors.Is(err, errConflict) {
		r.lose("its record came too late")
		return ErrStopped
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.record, r.seq = next, written
	r.mu.Unlock()
	return nil
}

// finish writes what a run has led to, sets the timer where there is one, and lets go of the message.
func (r *run) finish(outcome func(last record) transition) {
	r.writing.Lock()
	defer r.writing.Unlock()
	last, _, d := r.current()
	if reason := r.stopReason(); reason == Cancelled || reason == LeaseLost {
		return
	}
	t := r.facts(outcome(last), d)
	err := r.append(last.next(t))
	if err != nil && isUnwritable(err) {
		t = r.facts(transition{
			state: "rejected", attempt: last.attempt(),
			err: &fault{Code: "JETFLEET_MESSAGE_TOO_LARGE", Message: clip(err.Error(), maxErrorMessageLength)},
		}, d)
		err = r.append(last.next(t))
	}
	if err != nil {
		if !errors.Is(err, ErrStopped) {
			r.worker.logf("the record of job %s cannot be written; it comes again: %v", last.id(), err)
			r.over()
		}
		return
	}
	if t.err != nil {
		r.worker.logf("job %s, attempt %d of %d: %s: %s", last.id(), last.attempt(), last.int("maxAttempts"), t.err.Code, t.err.Message)
	}
	r.follow(t.state)
}

// follow does what comes after a record. A crash in between repeats it, when the message comes again.
func (r *run) follow(state string) {
	written, _, _ := r.current()
	if state == "retrying" || state == "waiting" {
		if err := r.worker.broker.setTimer(r.worker.background, written, r.worker.broker.now(time.Time{})); err != nil {
			r.worker.logf("the timer of job %s cannot be set; its message comes again: %v", written.id(), err)
			r.over()
			return
		}
	}
	_, _, d := r.current()
	r.over()
	if state == "queued" {
		d.nak(0)
		return
	}
	d.ack()
}

func (r *run) over() {
	r.mu.Lock()
	r.isOver = true
	r.mu.Unlock()
	r.worker.forget(r)
}

// lose lets go of a job that another worker owns.
func (r *run) lose(why string) {
	last, _, _ := r.current()
	if r.stop(LeaseLost) {
		r.worker.logf("lost job %s: %s; the late result is refused", last.id(), why)
	}
	r.over()
}

// cancelled stops a job whose end somebody else has written, and lets go of its message.
func (r *run) cancelled(found record, foundSeq uint64) {
	_, seq, d := r.current()
	if foundSeq <= seq || !r.stop(Cancelled) {
		return
	}
	r.over()
	if why := leftOf(&work{}, found); why != "" {
		// Whoever has cancelled it may have died before what follows was published.
		d.nakLater()
		return
	}
	d.ack()
}
