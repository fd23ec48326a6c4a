package jetfleet

import "time"

// heartbeat keeps the lease of a run, and notices when it may have been lost.
type heartbeat struct {
	run        *run
	ticker     *time.Ticker
	last       time.Time
	reconnects uint64
}

func newHeartbeat(r *run) *heartbeat {
	every := r.worker.ackWait() / 3
	return &heartbeat{run: r, ticker: time.NewTicker(every), last: time.Now(), reconnects: r.worker.broker.nc.Stats().Reconnects}
}

func (h *heartbeat) beat() {
	r, nc := h.run, h.run.worker.broker.nc
	if !nc.IsConnected() || r.isDone() {
		// What is sent now would keep the lease of another worker, once there is a connection.
		return
	}
	// This process stood still, or its connection did, for longer than the lease.
	if reconnects := nc.Stats().Reconnects; reconnects != h.reconnects || time.Since(h.last) > r.worker.ackWait() {
		h.reconnects = reconnects
		r.doubt.Store(true)
	}
	h.last = time.Now()
	_, _, d := r.current()
	d.working()
	if r.doubt.Load() {
		go r.verify()
	}
}

func (r *run) isDone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.isOver
}

// verify reads whether the job is still this worker's. What cannot be read is read again with the next heartbeat.
func (r *run) verify() {
	last, seq, _ := r.current()
	found, foundSeq, err := r.worker.broker.lastEvent(r.worker.background, last.id())
	if err != nil {
		return
	}
	r.doubt.Store(false)
	if foundSeq <= seq {
		return
	}
	if found.state() == Cancelled {
		r.cancelled(found, foundSeq)
		return
	}
	// It may be the worker's own record, whose answer is under way.
	r.writing.Lock()
	_, seq, _ = r.current()
	r.writing.Unlock()
	if foundSeq > seq && !r.isDone() {
		r.lose("another worker has taken it over")
	}
}
