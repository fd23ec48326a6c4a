package jetfleet

import (
	"encoding/json"
	"os"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	version      = "go-0.1.0"
	maxShown     = 100
	defaultDrain = time.Hour
	maxDrain     = 24 * time.Hour
)

type workerInfo struct {
	Name           string     `json:"name"`
	State          string     `json:"state"`
	StartedAt      string     `json:"startedAt"`
	Host           string     `json:"host"`
	Pid            int        `json:"pid"`
	Version        string     `json:"version"`
	Lanes          []laneInfo `json:"lanes"`
	Running        []runInfo  `json:"running"`
	RunningCount   int        `json:"runningCount"`
	Abandoned      []runInfo  `json:"abandoned"`
	AbandonedCount int        `json:"abandonedCount"`
	Stalled        []string   `json:"stalled"`
}

type laneInfo struct {
	Type        string `json:"type"`
	Concurrency int    `json:"concurrency"`
	Running     int    `json:"running"`
}

type runInfo struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Priority  string `json:"priority"`
	Attempt   int64  `json:"attempt"`
	StartedAt string `json:"startedAt"`
}

// listen hears cancellations and orders, and answers who asks for the workers.
func (w *Worker) listen() (stop func(), err error) {
	var subs []*nats.Subscription
	stop = func() {
		for _, sub := range subs {
			_ = sub.Unsubscribe()
		}
	}
	for name, hear := range map[string]nats.MsgHandler{
		"cancelled": func(msg *nats.Msg) { go w.heard(msg.Data) },
		"workers":   w.answer,
		"drain":     func(msg *nats.Msg) { w.ordered(msg.Data) },
	} {
		sub, err := w.broker.nc.Subscribe(w.broker.notice(name), hear)
		if err != nil {
			stop()
			return nil, err
		}
		subs = append(subs, sub)
	}
	return stop, w.broker.nc.Flush()
}

func (w *Worker) answer(msg *nats.Msg) {
	if body, err := encode(w.info()); err == nil {
		_ = msg.Respond(body)
	}
}

func (w *Worker) info() workerInfo {
	host, _ := os.Hostname()
	w.mu.Lock()
	info := workerInfo{
		Name: w.options.Name, State: w.state, StartedAt: w.startedAt.UTC().Format(timeLayout), Host: host, Pid: os.Getpid(),
		Version: version, Lanes: []laneInfo{}, Running: []runInfo{}, Abandoned: []runInfo{}, Stalled: []string{},
		RunningCount: len(w.runs),
	}
	if w.isPausedAll && info.State == "running" {
		info.State = "paused"
	}
	var shown []*run
	for _, r := range w.runs {
		if len(shown) < maxShown {
			shown = append(shown, r)
		}
	}
	w.mu.Unlock()
	for _, r := range shown {
		last, _, _ := r.current()
		info.Running = append(info.Running, runInfo{
			ID: last.id(), Type: last.text("type"), Priority: last.text("priority"),
			Attempt: last.attempt(), StartedAt: last.text("updatedAt"),
		})
	}
	for jobType, l := range w.lanes {
		info.Lanes = append(info.Lanes, laneInfo{jobType, l.options.Concurrency, l.running()})
	}
	return info
}

// ordered takes no more jobs for a while, or takes them again, as an operator has ordered.
func (w *Worker) ordered(data []byte) {
	var order struct {
		Worker string   `json:"worker"`
		Drain  *bool    `json:"drain"`
		ForMs  *float64 `json:"forMs"`
	}
	if json.Unmarshal(data, &order) != nil || order.Worker != w.options.Name || order.Drain == nil {
		return
	}
	lasts := defaultDrain
	if order.ForMs != nil && *order.ForMs > 0 {
		lasts = time.Duration(*order.ForMs * float64(time.Millisecond))
		if lasts > maxDrain || lasts < 0 {
			lasts = maxDrain
		}
	}
	w.mu.Lock()
	if w.pauseEnd != nil {
		w.pauseEnd.Stop()
	}
	// Nobody can verify who gave an order, so none holds for ever.
	if *order.Drain {
		w.pauseEnd = time.AfterFunc(lasts, func() { w.pauseAll(false) })
	}
	w.mu.Unlock()
	w.pauseAll(*order.Drain)
}

func (w *Worker) pauseAll(isPaused bool) {
	w.mu.Lock()
	w.isPausedAll = isPaused
	w.mu.Unlock()
	for _, l := range w.lanes {
		l.signal()
	}
}
