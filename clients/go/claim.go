package jetfleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// claimedJob is a job whose handler is to begin, and the sequence of its claim.
type claimedJob struct {
	record record
	seq    uint64
}

// claim takes a delivery up to where its job runs. It gives nil where the delivery is dealt with.
func (w *Worker) claim(ctx context.Context, l *lane, d *delivery) (*claimedJob, error) {
	if err := w.broker.findHeaders(ctx, d); err != nil {
		return nil, err
	}
	job, err := decode(w.broker.subjects, d, l.options.MaxAttempts)
	if err != nil {
		return nil, err
	}
	id := job.pending.id()
	for previous, isFirst := uint64(0), true; ; isFirst = false {
		last, seq, err := w.broker.lastEvent(ctx, id)
		if err != nil {
			return nil, err
		}
		if !isFirst && (isOfMessage(last, d.seq) || seq == previous) {
			// Who claims it by the same message answers that.
			return nil, nil
		}
		if seq > 0 && last == nil {
			return nil, fmt.Errorf("the last event of job %s is no record", id)
		}
		if last == nil && (d.count > 1 || !d.isFresh() || !isFirst) {
			// A cleanup removes the message before the record, so a job that has neither was removed.
			if isStored, err := w.broker.isStored(ctx, d.seq); err != nil || !isStored {
				return nil, err
			}
		}
		claimed, err := w.decided(ctx, l, d, job, last, seq)
		if !errors.Is(err, errConflict) {
			return claimed, err
		}
		previous = seq
	}
}

func isOfMessage(last record, seq uint64) bool {
	return last.status() == "processing" && uint64(last.int("workSeq")) == seq
}

func (w *Worker) decided(ctx context.Context, l *lane, d *delivery, job *work, last record, seq uint64) (*claimedJob, error) {
	if job.bare && last != nil && last.text("createdAt") != job.pending.text("createdAt") {
		return w.renamed(ctx, l, d, job)
	}
	if why := leftOf(job, last); why != "" {
		return nil, w.leave(ctx, d, job.pending.id(), last, seq, why)
	}
	if why := mismatch(job, last, d.seq); why != nil {
		return w.refuseNamesake(ctx, l, d, job, why)
	}
	now := w.broker.now(d.time)
	expiresAt, is := last.time("expiresAt")
	if !is {
		expiresAt, _ = job.pending.time("expiresAt")
	}
	decision := decide(d, job.pending.text("priority"), last, expiresAt, now)
	switch decision.what {
	case doClaim:
		if why := pinnedTo(last, l.options.Version); why != "" && decision.state == "running" {
			return nil, w.leave(ctx, d, job.pending.id(), last, seq, why)
		}
		return w.write(ctx, l, d, job, last, seq, decision, now)
	case doRearm:
		return nil, w.rearm(ctx, d, last, seq, now)
	case doReroute:
		if err := w.broker.enqueueAgain(ctx, last); err != nil {
			return nil, err
		}
	case doNothing:
		return nil, nil
	}
	d.ack()
	return nil, nil
}

func latest(last, pending record) record {
	if last != nil {
		return last
	}
	return pending
}

// leftOf says why this worker leaves a job to others, empty where it does not.
func leftOf(job *work, last record) string {
	if last == nil {
		return job.leave
	}
	for _, each := range []struct{ key, why string }{
		{"waitsFor", "it waits for signals or children"},
		{"waits", "it has waited for signals or children"},
		{"limited", "it waits for a permit"},
		{"awaited", "its parent waits for it"},
		{"webhookUrl", "it has a webhook"},
	} {
		// A job that has ended has its webhook among those that follow.
		if last.has(each.key) && !(last.isTerminal() && each.key == "webhookUrl") {
			return each.why
		}
	}
	var next []json.RawMessage
	if last.isTerminal() && json.Unmarshal(last["next"], &next) == nil && len(next) > 0 {
		return "other jobs follow from it"
	}
	if last.isTerminal() {
		return ""
	}
	for _, key := range []string{"payload", "checkpoint"} {
		if isMarked(last[key], "jetfleet:sealed") || isMarked(last[key], "jetfleet:object") {
			return "its " + key + " is sealed, or kept as an object"
		}
	}
	return ""
}

// pinnedTo says to which version of its handler a job belongs that has begun, empty where this version may run it.
func pinnedTo(last record, version int64) string {
	if from := last.int("handlerVersion"); last.has("startedAt") && from != version && from != 0 {
		return fmt.Sprintf("it has begun under version %d of its handler", from)
	}
	return ""
}

// leave hands a job back, later each time, until a worker takes it that can do more.
func (w *Worker) leave(ctx context.Context, d *delivery, id string, last record, seq uint64, why string) error {
	// A worker that runs it goes on from its own record.
	isHeld := last.state() == "running" && !(d.count > 1 && uint64(last.int("workSeq")) == d.seq)
	if last != nil && !last.isTerminal() && !isHeld {
		if err := w.keep(ctx, last, seq, w.broker.now(d.time), false); err != nil {
			return err
		}
	}
	if d.count == 1 {
		w.logf("job %s is left to the workers of Jetfleet: %s", id, why)
	}
	d.nakLater()
	return nil
}

// mismatch says why a message is not that of the job which its subject names.
func mismatch(job *work, last record, seq uint64) *fault {
	if job.bare {
		return nil
	}
	if last == nil {
		if job.err == nil && sequenceID.MatchString(job.pending.id()) {
			return reservedID(job.pending.id())
		}
		return nil
	}
	if last.has("workSeq") && uint64(last.int("workSeq")) == seq {
		return nil
	}
	id := last.id()
	if last.text("type") != job.pending.text("type") {
		return &fault{Code: "JETFLEET_ID_TAKEN", Message: fmt.Sprintf("job %s is of type %s, so it cannot be of type %s", id, last.text("type"), job.pending.text("type"))}
	}
	if job.err != nil {
		// What cannot be read may be the job's own: it is when both were made at the same time.
		if last.text("createdAt") == job.pending.text("createdAt") {
			return nil
		}
		return job.err
	}
	isDropped := !last.has("payload") && last.state() == "rejected"
	if isDropped || isSame(last["payload"], job.pending["payload"]) {
		return nil
	}
	return &fault{Code: "JETFLEET_ID_TAKEN", Message: fmt.Sprintf("job %s has another payload already; a job is added twice only with the same one", id)}
}

func isSame(a, b json.RawMessage) bool {
	var one, other any
	return json.Unmarshal(a, &one) == nil && json.Unmarshal(b, &other) == nil && reflect.DeepEqual(one, other)
}

// renamed claims a job without an id under one of its own: a stream that was created again counts from 1, and the number has a record.
func (w *Worker) renamed(ctx context.Context, l *lane, d *delivery, job *work) (*claimedJob, error) {
	id := derivedID(job.pending.id(), strconv.FormatInt(d.time.UnixMilli(), 36))
	if job.pending.id() == id {
		return nil, fmt.Errorf("job %s has the record of another one", id)
	}
	renamed := *job
	renamed.pending = job.pending.copy()
	renamed.pending.set("id", id)
	last, seq, err := w.broker.lastEvent(ctx, id)
	if err != nil {
		return nil, err
	}
	return w.decided(ctx, l, d, &renamed, last, seq)
}

// refuseNamesake writes that a message failed, under its own sequence.
func (w *Worker) refuseNamesake(ctx context.Context, l *lane, d *delivery, job *work, why *fault) (*claimedJob, error) {
	refused := *job
	refused.bare, refused.err, refused.leave = true, why, ""
	refused.pending = job.pending.copy()
	refused.pending.set("id", fmt.Sprintf("seq-%d", d.seq))
	refused.pending.set("payload", nil)
	last, seq, err := w.broker.lastEvent(ctx, refused.pending.id())
	if err != nil {
		return nil, err
	}
	return w.decided(ctx, l, d, &refused, last, seq)
}

// write writes a claim, or the end of a job that cannot be claimed.
func (w *Worker) write(
	ctx context.Context, l *lane, d *delivery, job *work, last record, seq uint64, found decision, now time.Time,
) (*claimedJob, error) {
	before := latest(last, job.pending)
	wasAccepted := last != nil && last.status() != "pending"
	t := transition{state: found.state, attempt: found.attempt, err: found.err, worker: w.options.Name, workSeq: d.seq, now: now}
	if job.err != nil && !wasAccepted {
		t.state, t.attempt, t.err = "rejected", before.attempt(), job.err
	}
	if t.state == "running" && w.isReleasing() {
		d.nak(0)
		return nil, nil
	}
	claimed := before.next(t)
	if version := l.options.Version; t.state == "running" && version > 0 {
		claimed.set("handlerVersion", version)
	} else if t.state == "running" {
		claimed.unset("handlerVersion")
	}
	written, err := w.broker.append(ctx, claimed, seq)
	if err != nil {
		return nil, err
	}
	if t.state == "running" {
		return &claimedJob{record: claimed, seq: written}, nil
	}
	if t.err != nil {
		w.logf("job %s: %s: %s", claimed.id(), t.err.Code, t.err.Message)
	}
	d.ack()
	return nil, nil
}

// rearm sets the timer of a job again that is not due. Its record says first that the message is spent: for a worker that is given
// it later the job may be due, and what that one has claimed by this message must not lose it.
func (w *Worker) rearm(ctx context.Context, d *delivery, last record, seq uint64, now time.Time) error {
	spent := last.copy()
	spent.set("workSeq", d.seq)
	isSpent := uint64(last.int("workSeq")) == d.seq
	if err := w.keep(ctx, spent, seq, now, !isSpent); err != nil {
		return err
	}
	if err := w.broker.setTimer(ctx, last, now); err != nil {
		return err
	}
	d.ack()
	return nil
}

// keep writes the record of a job that goes no further once more before it expires: without it, its message would be a new job. One that
// is changed is written in any case.
func (w *Worker) keep(ctx context.Context, last record, seq uint64, now time.Time, isChanged bool) error {
	w.broker.mu.Lock()
	maxAge := w.broker.eventsMaxAge
	w.broker.mu.Unlock()
	updated, is := last.time("updatedAt")
	isOld := maxAge > 0 && is && now.Sub(updated) > maxAge/4
	if !isOld && !isChanged {
		return nil
	}
	kept := last.copy()
	if isOld {
		kept.set("updatedAt", now.UTC().Format(timeLayout))
	}
	_, err := w.broker.append(ctx, kept, seq)
	return err
}
