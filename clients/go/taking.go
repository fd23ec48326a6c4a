package jetfleet

import (
	"encoding/json"
	"fmt"
)

// process takes a delivery to its end. What goes wrong comes again.
func (w *Worker) process(l *lane, d *delivery) {
	id := w.idOf(d)
	if w.adopt(id, d) {
		return
	}
	claimed, err := w.claim(w.background, l, d)
	w.mu.Lock()
	if held := w.taking[id]; held != nil && held.seq == d.seq {
		d = held
		delete(w.taking, id)
	}
	isDoubted, isReleasing := w.doubted[id], w.releasing
	delete(w.doubted, id)
	if claimed == nil {
		w.mu.Unlock()
		if err != nil {
			w.logf("cannot take the job of message %d; it comes again: %v", d.seq, err)
			d.nakLater()
		}
		return
	}
	r := newRun(w, l, d, claimed)
	earlier := w.runs[claimed.record.id()]
	w.runs[claimed.record.id()] = r
	w.mu.Unlock()
	if earlier != nil {
		earlier.lose("this worker has claimed it once more")
	}
	if isDoubted {
		r.doubt.Store(true)
		go r.verify()
	}
	if isReleasing {
		// Too late to begin: drain has collected its runs.
		r.release()
	} else {
		r.execute()
	}
	w.forget(r)
}

// idOf names the job of a delivery.
func (w *Worker) idOf(d *delivery) string {
	at, _ := w.broker.parseWork(d.subject())
	if at.id == "" {
		return fmt.Sprintf("seq-%d", d.seq)
	}
	return at.id
}

// adopt takes a message that comes again while its job runs here, or is claimed.
func (w *Worker) adopt(id string, d *delivery) bool {
	w.mu.Lock()
	r, taking := w.runs[id], w.taking[id]
	if r == nil && d.count > 1 {
		r = w.runOf(d.seq)
	}
	if r == nil && taking != nil && taking.seq == d.seq {
		w.taking[id] = d
		w.mu.Unlock()
		d.working()
		return true
	}
	if r == nil && taking == nil {
		w.taking[id] = d
	}
	w.mu.Unlock()
	return r != nil && r.adopt(d)
}

// runOf is the run of a message. A job without an id may run under another one than its message names.
func (w *Worker) runOf(seq uint64) *run {
	for _, r := range w.runs {
		if r.message == seq {
			return r
		}
	}
	return nil
}

func (w *Worker) forget(r *run) {
	last, _, _ := r.current()
	w.mu.Lock()
	if w.runs[last.id()] == r {
		delete(w.runs, last.id())
	}
	w.mu.Unlock()
}

// heard reads whether a job was cancelled that a notice names: anybody may send the notice.
func (w *Worker) heard(data []byte) {
	var notice struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(data, &notice) != nil {
		return
	}
	w.mu.Lock()
	r := w.runs[notice.ID]
	if r == nil && w.taking[notice.ID] != nil {
		w.doubted[notice.ID] = true
	}
	w.mu.Unlock()
	if r == nil {
		return
	}
	found, seq, err := w.broker.lastEvent(w.background, notice.ID)
	if err != nil {
		w.logf("cannot read whether job %s was cancelled: %v", notice.ID, err)
		return
	}
	if found.state() == Cancelled {
		r.cancelled(found, seq)
	}
}
