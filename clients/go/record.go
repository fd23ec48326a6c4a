package jetfleet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

const timeLayout = "2006-01-02T15:04:05.000Z"

// record is the state of a job, as EVENTS stores it. All that this version does not know is kept as it is.
type record map[string]json.RawMessage

// fault is an error as it stands on a record.
type fault struct {
	Code         string    `json:"code"`
	Message      string    `json:"message"`
	Retryable    bool      `json:"retryable"`
	Problems     []Problem `json:"problems,omitempty"`
	Excerpt      string    `json:"excerpt,omitempty"`
	RetryAfterMs int64     `json:"retryAfterMs,omitempty"`
}

// Problem is one thing that is wrong with a payload, a header or a value.
type Problem struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

var statusOf = map[string]string{
	"queued": "pending", "scheduled": "pending", "retrying": "pending",
	"running": "processing", "waiting": "processing",
	"completed": "completed",
	"exhausted": "failed", "rejected": "failed", "timed_out": "failed", "expired": "failed", "cancelled": "failed",
}

// decodeRecord reads a record, or gives nil for what is none.
func decodeRecord(s subjects, subject string, data []byte) record {
	var r record
	if json.Unmarshal(data, &r) != nil || r == nil {
		return nil
	}
	isRecord := r.int("v") == 1 && idPattern.MatchString(r.id()) && isPriority(r.text("priority")) &&
		r.status() != "" && statusOf[r.state()] == r.status() && r.has("attempt") && r.has("maxAttempts")
	if !isRecord || s.event(r.text("type"), r.status(), r.id()) != subject {
		return nil
	}
	return r
}

func (r record) encode() ([]byte, error) {
	return encode(r)
}

// encode writes JSON as it is: without the escapes by which Go protects HTML.
func encode(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

func (r record) copy() record {
	copied := make(record, len(r))
	for key, value := range r {
		copied[key] = value
	}
	return copied
}

func (r record) set(key string, value any) {
	text, err := encode(value)
	if err != nil {
		panic(fmt.Sprintf("jetfleet: %s has no JSON form: %v", key, err))
	}
	r[key] = text
}

func (r record) unset(keys ...string) {
	for _, key := range keys {
		delete(r, key)
	}
}

func (r record) has(key string) bool {
	value, is := r[key]
	return is && !bytes.Equal(value, []byte("null"))
}

func (r record) text(key string) string {
	var text string
	_ = json.Unmarshal(r[key], &text)
	return text
}

func (r record) int(key string) int64 {
	var value int64
	_ = json.Unmarshal(r[key], &value)
	return value
}

func (r record) time(key string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339Nano, r.text(key))
	return at, err == nil
}

func (r record) id() string       { return r.text("id") }
func (r record) status() string   { return r.text("status") }
func (r record) state() string    { return r.text("state") }
func (r record) attempt() int64   { return r.int("attempt") }
func (r record) address() address { return address{r.text("priority"), r.text("type"), r.id()} }

func (r record) isTerminal() bool {
	return r.status() == "completed" || r.status() == "failed"
}

func (r record) stalledError() *fault {
	worker := r.text("worker")
	if worker == "" {
		worker = "unknown"
	}
	message := fmt.Sprintf("worker %s fell silent in attempt %d of %d", worker, r.attempt(), r.int("maxAttempts"))
	return &fault{Code: "JETFLEET_STALLED", Message: message}
}

// transition is what a new record takes from the outcome of a run, and from the message by which it runs.
type transition struct {
	state      string
	attempt    int64
	checkpoint json.RawMessage
	result     json.RawMessage
	err        *fault
	delay      time.Duration
	waits      bool

	worker  string
	workSeq uint64
	now     time.Time
}

// next is the record after a transition. What belonged to the state before, such as a due time, is left behind.
func (r record) next(t transition) record {
	n := r.copy()
	now := t.now.UTC().Format(timeLayout)
	n.set("state", t.state)
	n.set("status", statusOf[t.state])
	n.set("attempt", t.attempt)
	n.set("updatedAt", now)
	n.unset("nextRunAt", "finishedAt", "error", "limited", "waitsFor")
	if t.waits {
		n.set("nextRunAt", t.now.Add(t.delay).UTC().Format(timeLayout))
	}
	if n.isTerminal() {
		n.set("finishedAt", now)
	}
	if t.err != nil {
		n.set("error", t.err)
	}
	if t.state == "running" && !n.has("startedAt") {
		n.set("startedAt", now)
	}
	// Another attempt may begin from nothing.
	if t.attempt > r.attempt() {
		n.unset("progress", "progressAt", "chunks")
	}
	n.set("worker", t.worker)
	n.set("workSeq", t.workSeq)
	if t.checkpoint != nil {
		n["checkpoint"] = t.checkpoint
	}
	if t.result != nil {
		n["result"] = t.result
	}
	return n
}
