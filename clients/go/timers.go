package jetfleet

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// optionHeaders are those of the work message that a record stands for.
func optionHeaders(r record) nats.Header {
	h := nats.Header{}
	add := func(name, key string) {
		if r.has(key) {
			var value any
			_ = json.Unmarshal(r[key], &value)
			if number, is := value.(float64); is {
				value = int64(number)
			}
			h.Set(name, fmt.Sprint(value))
		}
	}
	add("Jetfleet-Max-Attempts", "maxAttempts")
	add("Jetfleet-Timeout-Ms", "timeoutMs")
	add("Jetfleet-Expires-In-Ms", "expiresInMs")
	add("traceparent", "traceparent")
	add("tracestate", "tracestate")
	add("Jetfleet-Parent-Id", "parentId")
	addListHeaders(h, r)
	h.Set("Jetfleet-Created-At", r.text("createdAt"))
	return h
}

// setTimer sets the timer that brings the message of a job back. Setting it again replaces it.
func (b *broker) setTimer(ctx context.Context, r record, from time.Time) error {
	due, is := r.time("nextRunAt")
	if !is {
		due = from
	}
	// A record must not expire while its job waits: one that waits for long comes back early.
	b.mu.Lock()
	maxAge := b.eventsMaxAge
	b.mu.Unlock()
	if latest := from.Add(maxAge / 2); maxAge > 0 && due.After(latest) {
		due = latest
	}
	at := r.address()
	subject := b.schedule(at.id)
	switch r.state() {
	case "retrying", "waiting":
		subject = b.timer(r.state(), at)
	}
	msg := nats.NewMsg(subject)
	msg.Data = r["payload"]
	msg.Header = optionHeaders(r)
	msg.Header.Set("Nats-Schedule", "@at "+due.UTC().Format(timeLayout))
	msg.Header.Set("Nats-Schedule-Target", b.due(at))
	return b.publishPersistently(ctx, msg)
}

// enqueueAgain publishes the message of a job that has a record: by way of TIMERS, from which alone workers believe that it is the job's.
func (b *broker) enqueueAgain(ctx context.Context, r record) error {
	msg := nats.NewMsg(b.due(r.address()))
	msg.Data = r["payload"]
	msg.Header = optionHeaders(r)
	return b.publishPersistently(ctx, msg)
}

// addListHeaders adds the options of a record that are no plain values.
func addListHeaders(h nats.Header, r record) {
	var tags []string
	if json.Unmarshal(r["tags"], &tags) == nil && len(tags) > 0 {
		h.Set("Jetfleet-Tags", strings.Join(tags, ","))
	}
	var unique struct{ Key, Scope string }
	if json.Unmarshal(r["unique"], &unique) == nil && unique.Scope != "" {
		h.Set("Jetfleet-Unique", unique.Scope+" "+encodeKey(unique.Key))
	}
}

// encodeKey writes a unique key in percent encoding, a blank as %20.
func encodeKey(key string) string {
	return strings.ReplaceAll(url.QueryEscape(key), "+", "%20")
}
