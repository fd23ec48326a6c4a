package jetfleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

var (
	digitsPattern    = regexp.MustCompile(`^\d{1,12}$`)
	groupPattern     = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	tagPattern       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:/@+#=-]*$`)
	uniquePattern    = regexp.MustCompile(`^(active|period|waiting) ([A-Za-z0-9%_.!~*'()-]+)$`)
	printablePattern = regexp.MustCompile(`^[\x20-\x7e]+$`)
)

// work is a work message: the record of its job as long as there is no other, and why it cannot be run.
type work struct {
	pending record
	bare    bool
	err     *fault
	// leave says why this worker leaves the job to others.
	leave string
}

// decode reads a work message. It fails only for a subject that is no work subject.
func decode(s subjects, d *delivery, maxAttempts int) (*work, error) {
	at, is := s.parseWork(d.subject())
	if !is {
		return nil, fmt.Errorf("%s is no work subject", d.subject())
	}
	w := &work{bare: at.id == "", pending: record{}}
	trusted := d.isFromTimers()
	if at.id != "" && !idPattern.MatchString(at.id) {
		w.err = &fault{
			Code:    "JETFLEET_ID_INVALID",
			Message: fmt.Sprintf("job id %q must be 1 to %d of A-Z a-z 0-9 _ -", clip(at.id, excerptLength), maxIDLength),
			Excerpt: excerpt(d.msg.Data),
		}
	} else if at.id != "" && !trusted && sequenceID.MatchString(at.id) {
		w.err = reservedID(at.id)
	}
	if at.id == "" || w.err != nil {
		at.id = fmt.Sprintf("seq-%d", d.seq)
	}
	r := w.pending
	r.set("v", 1)
	r.set("id", at.id)
	r.set("type", at.jobType)
	r.set("priority", at.priority)
	r.set("status", "pending")
	r.set("state", "queued")
	r.set("payload", nil)
	r.set("attempt", 0)
	r.set("maxAttempts", maxAttempts)
	r.set("createdAt", d.time.UTC().Format(timeLayout))
	r.set("machine", map[string]any{"id": "job", "version": 1})
	if isTick(d.msg.Header, trusted, w.bare) {
		w.leave = "it is a run of a recurring schedule"
	}
	if w.err == nil && d.unreadable {
		w.err = &fault{
			Code:    "JETFLEET_HEADER_INVALID",
			Message: "the headers cannot be read: a value has a line break",
			Excerpt: excerpt(d.msg.Data),
		}
	}
	if w.err == nil {
		readOptions(w, d, trusted)
	}
	if w.err == nil {
		readBody(w, d.msg.Data)
	}
	r["updatedAt"] = r["createdAt"]
	return w, nil
}

func reservedID(id string) *fault {
	const why = "is reserved: ids of the form seq-<n> and webhook-seq-<n> name jobs that were published without one"
	return &fault{Code: "JETFLEET_ID_INVALID", Message: fmt.Sprintf("job id %q %s", id, why)}
}

// isTick says whether the overlap policy of a schedule has to be asked.
func isTick(h nats.Header, trusted, bare bool) bool {
	if !trusted {
		return false
	}
	if h.Get("Jetfleet-Scheduled-By") != "" {
		return true
	}
	_, err := time.Parse(time.RFC3339Nano, h.Get("Nats-Schedule-Next"))
	return bare && err == nil
}

func readBody(w *work, body []byte) {
	payload, err := readPayload(body)
	if err != nil {
		w.err = err
		return
	}
	w.pending["payload"] = payload
	if isMarked(payload, "jetfleet:sealed") {
		w.leave = "its payload is sealed by a codec"
	} else if isMarked(payload, "jetfleet:object") {
		w.leave = "its payload is kept as an object"
	}
}

// isMarked says whether a value is an object with a key of Jetfleet's own.
func isMarked(value json.RawMessage, key string) bool {
	var object map[string]json.RawMessage
	if json.Unmarshal(value, &object) != nil {
		return false
	}
	_, is := object[key]
	return is
}

// options reads the option headers of a message, and lists those that cannot be read.
type options struct {
	work     *work
	delivery *delivery
	trusted  bool
	problems []Problem
}

func readOptions(w *work, d *delivery, trusted bool) {
	o := &options{work: w, delivery: d, trusted: trusted}
	o.number("Jetfleet-Max-Attempts", "maxAttempts", maxMaxAttempts)
	o.number("Jetfleet-Timeout-Ms", "timeoutMs", maxTimeout.Milliseconds())
	if ms := o.number("Jetfleet-Expires-In-Ms", "expiresInMs", maxDelay.Milliseconds()); ms > 0 {
		w.pending.set("expiresAt", d.time.Add(time.Duration(ms)*time.Millisecond).UTC().Format(timeLayout))
	}
	if o.header("Jetfleet-Webhook-Url") != "" {
		w.leave = "it has a webhook"
	}
	if o.header("Nats-Stream") != "" {
		o.refuse("Nats-Stream", "a stored message that was read is no new job")
	}
	o.reserved()
	o.tags()
	o.unique()
	o.trace()
	if len(o.problems) == 0 {
		return
	}
	list := make([]string, len(o.problems))
	for i, each := range o.problems {
		list[i] = each.Path + ": " + each.Message
	}
	w.err = &fault{
		Code:     "JETFLEET_HEADER_INVALID",
		Message:  clip("option headers cannot be read: "+strings.Join(list, "; "), maxErrorMessageLength),
		Problems: o.problems,
	}
}

func (o *options) header(name string) string { return o.delivery.msg.Header.Get(name) }

func (o *options) refuse(name, why string) {
	o.problems = append(o.problems, Problem{Path: name, Message: why})
}

func (o *options) number(name, key string, max int64) int64 {
	text := strings.TrimSpace(o.header(name))
	if text == "" {
		return 0
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !digitsPattern.MatchString(text) || value < 1 || value > max {
		o.refuse(name, fmt.Sprintf("%q is no integer from 1 to %d", clip(text, excerptLength), max))
		return 0
	}
	o.work.pending.set(key, value)
	return value
}

// reserved reads what only Jetfleet sets, and believes it only where it may be Jetfleet's.
func (o *options) reserved() {
	const why = "is set by Jetfleet alone; leave it out"
	r := o.work.pending
	if text := o.header("Jetfleet-Created-At"); text != "" {
		if at, err := time.Parse(time.RFC3339Nano, text); !o.trusted {
			o.refuse("Jetfleet-Created-At", why)
		} else if err == nil {
			r.set("createdAt", at.UTC().Format(timeLayout))
		}
	}
	if parent := o.header("Jetfleet-Parent-Id"); parent != "" {
		if o.trusted || isDerivedID(r.id(), parent) {
			r.set("parentId", parent)
		} else {
			o.refuse("Jetfleet-Parent-Id", why)
		}
	}
	if group := o.header("Jetfleet-Awaited"); group != "" {
		if r.has("parentId") && groupPattern.MatchString(group) {
			o.work.leave = "its parent waits for it"
		} else {
			o.refuse("Jetfleet-Awaited", why)
		}
	}
	if text := o.header("Jetfleet-Change"); o.trusted && text != "" && json.Valid([]byte(text)) {
		r["change"] = json.RawMessage(text)
	}
}

func (o *options) tags() {
	const name = "Jetfleet-Tags"
	var tags []string
	seen := map[string]bool{}
	for _, each := range strings.Split(o.header(name), ",") {
		tag := strings.TrimSpace(each)
		if tag == "" || seen[tag] {
			continue
		}
		if len(tag) > maxTagLength || !tagPattern.MatchString(tag) {
			const why = "tag %q must be 1 to %d of A-Z a-z 0-9 _ . : / @ + # = -, beginning with a letter or digit"
			o.refuse(name, fmt.Sprintf(why, clip(tag, excerptLength), maxTagLength))
			return
		}
		seen[tag] = true
		tags = append(tags, tag)
	}
	if len(tags) > maxTags {
		o.refuse(name, fmt.Sprintf("tags are %d; a job has at most %d", len(tags), maxTags))
	} else if len(tags) > 0 {
		o.work.pending.set("tags", tags)
	}
}

func (o *options) unique() {
	const name = "Jetfleet-Unique"
	text := o.header(name)
	if text == "" {
		return
	}
	if parts := uniquePattern.FindStringSubmatch(text); parts != nil && len(parts[2]) <= maxUniqueLength {
		if key, err := url.PathUnescape(parts[2]); err == nil {
			o.work.pending.set("unique", map[string]string{"key": key, "scope": parts[1]})
			return
		}
	}
	o.refuse(name, fmt.Sprintf("%q is no unique key", clip(text, excerptLength)))
}

// trace keeps what is a trace context: printable ASCII.
func (o *options) trace() {
	for _, name := range []string{"traceparent", "tracestate"} {
		if text := o.header(name); printablePattern.MatchString(text) {
			o.work.pending.set(name, beginning(text, maxTraceLength))
		}
	}
}

// derivedID is the id of what follows from a job: the same for every repetition.
func derivedID(id, suffix string) string {
	whole := id + "-" + suffix
	if len(whole) <= maxIDLength {
		return whole
	}
	sum := sha256.Sum256([]byte(whole))
	return whole[:maxIDLength-17] + "-" + hex.EncodeToString(sum[:])[:16]
}

func isDerivedID(id, parent string) bool {
	if !idPattern.MatchString(parent) {
		return false
	}
	const kept = maxIDLength - 17
	if len(id) == maxIDLength && len(parent) >= kept-1 {
		return strings.HasPrefix(id, parent[:kept-1])
	}
	return strings.HasPrefix(id, parent+"-")
}
