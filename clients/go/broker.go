package jetfleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	defaultConfirmTimeout = 5 * time.Second
	retryPause            = time.Second
	readTries             = 3
	checkEvery            = 10 * time.Second
	checksPerClock        = 6

	wrongLastSequence      = 10071
	wrongLastSubject       = 10164
	messageNotFound        = 10037
	streamNotFound         = 10059
	consumerNotFound       = 10014
	messageExceedsMaximum  = 10054
	consumerAlreadyExists  = 10148
	headerExpectedSeq      = "Nats-Expected-Last-Subject-Sequence"
	headerExpectedSubjects = "Nats-Expected-Last-Subject-Sequence-Subject"
)

// errConflict says that somebody else has written before.
var errConflict = errors.New("jetfleet: somebody else has written a record of the job")

// apiError is an error of the server.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string {
	return fmt.Sprintf("jetfleet: the broker refused: %s (%d)", e.Description, e.ErrCode)
}

func isAPIError(err error, codes ...int) bool {
	var found *apiError
	if !errors.As(err, &found) {
		return false
	}
	for _, code := range codes {
		if found.ErrCode == code {
			return true
		}
	}
	return false
}

// broker is all that is asked of the server.
type broker struct {
	subjects
	nc             *nats.Conn
	confirmTimeout time.Duration
	logf           func(format string, args ...any)

	mu           sync.Mutex
	clockStart   time.Time // the broker's time at clockLocal
	clockLocal   time.Time
	eventsMaxAge time.Duration
}

// ask makes a request of JetStream's API.
func (b *broker) ask(ctx context.Context, api string, request, answer any) error {
	body := []byte("{}")
	if request != nil {
		var err error
		if body, err = encode(request); err != nil {
			return err
		}
	}
	limited, cancel := context.WithTimeout(ctx, b.confirmTimeout)
	defer cancel()
	msg, err := b.nc.RequestWithContext(limited, "$JS.API."+api, body)
	if err != nil {
		return b.refusedOr(err, "$JS.API."+api)
	}
	failed := struct {
		Error *apiError `json:"error"`
	}{}
	if err := json.Unmarshal(msg.Data, &failed); err != nil {
		return fmt.Errorf("jetfleet: the answer of %s cannot be read: %w", api, err)
	}
	if failed.Error != nil {
		return failed.Error
	}
	return json.Unmarshal(msg.Data, answer)
}

// readClock reads the time of the broker and how long it keeps records. Timers fire by the broker's clock, so nothing goes by the
// clock of this machine.
func (b *broker) readClock(ctx context.Context) error {
	var info struct {
		Ts     time.Time `json:"ts"`
		Config struct {
			MaxAge time.Duration `json:"max_age"`
		} `json:"config"`
	}
	sent := time.Now()
	if err := b.ask(ctx, "STREAM.INFO."+b.stream("events"), nil, &info); err != nil {
		return err
	}
	received := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.eventsMaxAge = info.Config.MaxAge
	if !info.Ts.IsZero() {
		b.clockStart = info.Ts
		b.clockLocal = sent.Add(received.Sub(sent) / 2)
	}
	return nil
}

// now is the broker's time, and no earlier than a time that the broker has named.
func (b *broker) now(notBefore time.Time) time.Time {
	b.mu.Lock()
	now := time.Now()
	if !b.clockLocal.IsZero() {
		now = b.clockStart.Add(now.Sub(b.clockLocal))
	}
	b.mu.Unlock()
	now = now.Truncate(time.Millisecond)
	if now.Before(notBefore) {
		return notBefore.Add(time.Millisecond - 1).Truncate(time.Millisecond)
	}
	return now
}

// storedMessage is a message as its stream has it.
type storedMessage struct {
	Subject string    `json:"subject"`
	Seq     uint64    `json:"seq"`
	Data    []byte    `json:"data"`
	Headers []byte    `json:"hdrs"`
	Time    time.Time `json:"time"`
}

// message reads one message from the stream's leader. It gives nil for one that is not there.
func (b *broker) message(ctx context.Context, stream string, query any) (*storedMessage, error) {
	var answer struct {
		Message storedMessage `json:"message"`
	}
	var err error
	for try := 0; try < readTries; try++ {
		err = b.ask(ctx, "STREAM.MSG.GET."+b.stream(stream), query, &answer)
		if err == nil {
			return &answer.Message, nil
		}
		if isAPIError(err, messageNotFound) {
			return nil, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
	}
	return nil, err
}

// isStored says whether the message of a job is in its stream still. A replica that is behind may deny it: then the message comes again.
func (b *broker) isStored(ctx context.Context, seq uint64) (bool, error) {
	body, err := encode(map[string]uint64{"seq": seq})
	if err != nil {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, b.confirmTimeout)
	defer cancel()
	msg, err := b.nc.RequestWithContext(limited, "$JS.API.DIRECT.GET."+b.stream("jobs"), body)
	if err != nil {
		return false, err
	}
	return msg.Header.Get("Nats-Sequence") != "", nil
}

// findHeaders notes whether a message has headers that the client could not read. The client only says that there was such a message.
func (b *broker) findHeaders(ctx context.Context, d *delivery) error {
	if d.msg.Header != nil || !errors.Is(b.nc.LastError(), nats.ErrBadHeaderMsg) {
		return nil
	}
	stored, err := b.message(ctx, "jobs", map[string]uint64{"seq": d.seq})
	d.unreadable = stored != nil && len(stored.Headers) > 0
	return err
}

// lastEvent is the last event of a job, and its record, which is nil where the last event is none.
func (b *broker) lastEvent(ctx context.Context, id string) (record, uint64, error) {
	stored, err := b.message(ctx, "events", map[string]string{"last_by_subj": b.eventsOf(id)})
	if err != nil || stored == nil {
		return nil, 0, err
	}
	return decodeRecord(b.subjects, stored.Subject, stored.Data), stored.Seq, nil
}

// append writes a record behind the event `last`, however long the broker takes. It fails with errConflict when somebody else has
// written behind that event.
func (b *broker) append(ctx context.Context, r record, last uint64) (uint64, error) {
	body, err := r.encode()
	if err != nil {
		return 0, err
	}
	msg := nats.NewMsg(b.event(r.text("type"), r.status(), r.id()))
	msg.Data = body
	msg.Header.Set(headerExpectedSeq, fmt.Sprint(last))
	msg.Header.Set(headerExpectedSubjects, b.eventsOf(r.id()))
	for isRepeated := false; ; isRepeated = true {
		seq, err := b.publish(ctx, msg)
		if err == nil {
			return seq, nil
		}
		if isAPIError(err, wrongLastSequence, wrongLastSubject) {
			if isRepeated {
				if seq := b.ownEvent(ctx, r.id(), body); seq > 0 {
					return seq, nil
				}
			}
			return 0, errConflict
		}
		if !b.mayPass(err) {
			return 0, err
		}
		b.logf("the broker did not take a record of job %s; trying again: %v", r.id(), err)
		if err := pause(ctx, retryPause); err != nil {
			return 0, err
		}
	}
}

// ownEvent is the sequence of a write whose answer was lost.
func (b *broker) ownEvent(ctx context.Context, id string, body []byte) uint64 {
	stored, err := b.message(ctx, "events", map[string]string{"last_by_subj": b.eventsOf(id)})
	if err != nil || stored == nil || !bytes.Equal(stored.Data, body) {
		return 0
	}
	return stored.Seq
}

// publishPersistently stores a message that may be stored twice.
func (b *broker) publishPersistently(ctx context.Context, msg *nats.Msg) error {
	for {
		_, err := b.publish(ctx, msg)
		if err == nil || !b.mayPass(err) {
			return err
		}
		b.logf("the broker did not take %s; trying again: %v", msg.Subject, err)
		if err := pause(ctx, retryPause); err != nil {
			return err
		}
	}
}

func (b *broker) publish(ctx context.Context, msg *nats.Msg) (uint64, error) {
	limited, cancel := context.WithTimeout(ctx, b.confirmTimeout)
	defer cancel()
	// A message must not be sent twice: the client writes the reply into it.
	sent := &nats.Msg{Subject: msg.Subject, Header: msg.Header, Data: msg.Data}
	reply, err := b.nc.RequestMsgWithContext(limited, sent)
	if err != nil {
		return 0, b.refusedOr(err, msg.Subject)
	}
	var answer struct {
		Seq   uint64    `json:"seq"`
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return 0, fmt.Errorf("jetfleet: the answer to %s cannot be read: %w", msg.Subject, err)
	}
	if answer.Error != nil {
		return 0, answer.Error
	}
	return answer.Seq, nil
}

// refusedOr tells a call that the server refuses this user from one that is not answered: it says so beside the call.
func (b *broker) refusedOr(err error, subject string) error {
	last := b.nc.LastError()
	if last == nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	inbox := b.nc.Opts.InboxPrefix
	if inbox == "" {
		inbox = strings.TrimSuffix(nats.InboxPrefix, ".")
	}
	text := strings.ToLower(last.Error())
	switch {
	case strings.Contains(text, strings.ToLower(`publish to "`+subject+`"`)):
		return invalid("JETFLEET_BROKER_FORBIDDEN", "the user may not publish to %s; see docs/security.md: %w", subject, last)
	case strings.Contains(text, strings.ToLower(`subscription to "`+inbox+`.`)):
		const hint = "the user may not receive answers on %s; the role `worker` needs nats.CustomInboxPrefix(\"_INBOX_worker\"): %w"
		return invalid("JETFLEET_BROKER_FORBIDDEN", hint, inbox, last)
	}
	return err
}

// mayPass says whether a later try may do better.
func (b *broker) mayPass(err error) bool {
	var refused *apiError
	if errors.As(err, &refused) {
		return refused.Code >= 500
	}
	var coded *Error
	if b.nc.IsClosed() || errors.Is(err, nats.ErrMaxPayload) || errors.As(err, &coded) {
		return false
	}
	return true
}

// isUnwritable says whether the record itself is the reason, so that it comes again with every try.
func isUnwritable(err error) bool {
	return isAPIError(err, messageExceedsMaximum) || errors.Is(err, nats.ErrMaxPayload)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
