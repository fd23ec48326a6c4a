package jetfleet

import (
	"fmt"
	"time"
)

// What to do with a delivered message.
const (
	// doClaim writes a record, and runs the job where that is `running`.
	doClaim = "claim"
	// doEnd acknowledges the message of a job that has ended.
	doEnd = "ended"
	// doRearm sets the timer of the job again.
	doRearm = "rearm"
	// doReroute publishes the job under its new priority.
	doReroute = "reroute"
	// doDrop acknowledges a message while another one carries the job.
	doDrop = "duplicate"
	// doNothing lets go of it silently: another worker holds the job by this message.
	doNothing = "held"
)

// decision is what a message leads to. next is the state that a claim leads to, with its attempt.
type decision struct {
	what    string
	state   string
	attempt int64
	err     *fault
}

// decide is the protocol of claims: what to do with a delivery, by the last record of its job.
func decide(d *delivery, priority string, last record, expiresAt time.Time, now time.Time) decision {
	found := decideUnexpired(d, priority, last, now)
	isFirst := found.what == doClaim && found.state == "running" && last.state() != "waiting" &&
		last.state() != "running" && !last.has("startedAt")
	if !isFirst || expiresAt.IsZero() || expiresAt.After(now) {
		return found
	}
	message := fmt.Sprintf("The job waited for its first attempt until after %s, when it expired", expiresAt.UTC().Format(timeLayout))
	return decision{what: doClaim, state: "expired", attempt: last.attempt(), err: &fault{Code: "JETFLEET_EXPIRED", Message: message}}
}

func decideUnexpired(d *delivery, priority string, last record, now time.Time) decision {
	if last == nil {
		return decision{what: doClaim, state: "running", attempt: 1}
	}
	if last.isTerminal() {
		return decision{what: doEnd}
	}
	own := last.has("workSeq") && uint64(last.int("workSeq")) == d.seq
	dueAt, waits := last.time("nextRunAt")
	isDue := !waits || !dueAt.After(now.Add(clockSkew))
	switch last.state() {
	case "running":
		if !own {
			return decision{what: doDrop}
		}
		if d.count == 1 {
			return decision{what: doNothing}
		}
		return claimed(last, last.stalledError())
	case "waiting":
		if own || !(isDue || d.isWoken()) {
			return decision{what: doRearm}
		}
		return decision{what: doClaim, state: "running", attempt: last.attempt()}
	case "retrying", "scheduled":
		// The message that led here was not acknowledged: its worker died before the timer was surely set.
		if own || !isDue {
			return decision{what: doRearm}
		}
	case "queued":
		if last.has("earlierPriorities") && last.text("priority") != priority {
			return decision{what: doReroute}
		}
	}
	attempt, max := last.attempt(), last.int("maxAttempts")
	return claimed(last, &fault{
		Code:    "JETFLEET_STALLED",
		Message: fmt.Sprintf("Attempt %d of %d is used up", attempt, max),
	})
}

// claimed begins an attempt, or fails the job where none is left.
func claimed(last record, otherwise *fault) decision {
	attempt := last.attempt()
	if attempt < last.int("maxAttempts") {
		return decision{what: doClaim, state: "running", attempt: attempt + 1}
	}
	return decision{what: doClaim, state: "exhausted", attempt: attempt, err: otherwise}
}
