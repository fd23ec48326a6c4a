package jetfleet

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// pullExpires is how long a request waits at the server: short, so that a leader change costs little.
	pullExpires   = 5 * time.Second
	pullHeartbeat = time.Second
	// pullSilence is how long a request that waits may be silent before it counts as lost.
	pullSilence = 2500 * time.Millisecond
	takeTimeout = time.Second
)

// source pulls from one consumer: what is there now, or the next message. Nothing is fetched ahead.
type source struct {
	lane    *lane
	step    int
	subject string

	mu      sync.Mutex
	current *pull
	mayHave bool
	isGone  bool
	// refusedUntil is how long nothing is asked: the server has refused a request, and would refuse the next one as soon.
	refusedUntil time.Time
}

// pull is one request, and the inbox on which it is answered.
type pull struct {
	sub     *nats.Subscription
	askedAt time.Time
	isWait  bool
	left    int
	got     int
	done    chan struct{}
	silence *time.Timer
	isOver  bool
}

func newSource(l *lane, step int) *source {
	b := l.worker.broker
	name := consumerName(l.jobType, priorities[step])
	return &source{
		lane:    l,
		step:    step,
		subject: fmt.Sprintf("$JS.API.CONSUMER.MSG.NEXT.%s.%s", b.stream("jobs"), name),
		mayHave: true,
	}
}

// isWaiting is true while a request waits at the server: then its consumer has nothing to hand out.
func (s *source) isWaiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current != nil && s.current.isWait
}

// isRefused is true for a moment after the server has refused a request.
func (s *source) isRefused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.refusedUntil)
}

// mayHaveMore is false when the last message was the last one that the consumer had.
func (s *source) mayHaveMore() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mayHave
}

// take asks for up to `batch` messages that are there now, and waits for the answer.
func (s *source) take(batch int) error {
	p, err := s.ask(fmt.Sprintf(`{"batch":%d,"no_wait":true}`, batch), batch, false)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(takeTimeout):
		s.end(p, true)
	}
	return nil
}

// wait leaves a request for one message at the server.
func (s *source) wait() error {
	body := fmt.Sprintf(`{"batch":1,"expires":%d,"idle_heartbeat":%d}`, pullExpires.Nanoseconds(), pullHeartbeat.Nanoseconds())
	_, err := s.ask(body, 1, true)
	return err
}

// withdraw takes back the request that waits: the server passes over one without a listener. In a cluster it stays until it is served
// or expires, since a message on its way between two servers would be lost for the time of a lease.
func (s *source) withdraw(isClosing bool) {
	s.mu.Lock()
	p := s.current
	s.mu.Unlock()
	if p != nil && p.isWait && (isClosing || s.lane.worker.broker.nc.ConnectedClusterName() == "") {
		s.end(p, true)
	}
}

func (s *source) ask(body string, left int, isWait bool) (*pull, error) {
	nc := s.lane.worker.broker.nc
	p := &pull{askedAt: time.Now(), isWait: isWait, left: left, done: make(chan struct{})}
	inbox := nc.NewInbox()
	sub, err := nc.Subscribe(inbox, func(msg *nats.Msg) { s.receive(p, msg) })
	if err != nil {
		return nil, err
	}
	p.sub = sub
	s.mu.Lock()
	s.current = p
	s.mayHave = s.mayHave && !isWait
	if isWait {
		p.silence = time.AfterFunc(pullSilence, func() { s.end(p, true) })
	}
	s.mu.Unlock()
	if err := nc.PublishRequest(s.subject, inbox, []byte(body)); err != nil {
		s.end(p, false)
		return nil, err
	}
	return p, nil
}

func (s *source) receive(p *pull, msg *nats.Msg) {
	if !strings.HasPrefix(msg.Reply, "$JS.ACK.") {
		s.status(p, msg)
		return
	}
	d, err := newDelivery(s.lane.worker.broker.nc, msg, p.askedAt)
	if err != nil {
		s.lane.worker.logf("a message cannot be read: %v", err)
		return
	}
	s.mu.Lock()
	p.got++
	s.mayHave = d.pending > 0
	isOver := p.got >= p.left
	s.mu.Unlock()
	s.lane.hold(s, d)
	if isOver {
		s.end(p, false)
	}
}

func (s *source) status(p *pull, msg *nats.Msg) {
	switch status := msg.Header.Get("Status"); status {
	case "100":
		s.mu.Lock()
		if p.silence != nil && !p.isOver {
			p.silence.Reset(pullSilence)
		}
		s.mu.Unlock()
		// A server that wants an answer to its flow control says so in the reply.
		if msg.Reply != "" {
			_ = msg.Respond(nil)
		}
		return
	case "404":
		s.mu.Lock()
		s.mayHave = false
		s.mu.Unlock()
	case "503", "409":
		s.mu.Lock()
		s.isGone = s.isGone || status == "503" || strings.Contains(strings.ToLower(msg.Header.Get("Description")), "deleted")
		s.refusedUntil = time.Now().Add(recoverPause)
		s.mu.Unlock()
		time.AfterFunc(recoverPause, s.lane.signal)
	}
	s.end(p, false)
}

// end stops listening. What may come is still received, and handed back.
func (s *source) end(p *pull, mayCome bool) {
	s.mu.Lock()
	if p.isOver {
		s.mu.Unlock()
		return
	}
	p.isOver = true
	if p.silence != nil {
		p.silence.Stop()
	}
	if p.isWait && p.got == 0 {
		s.mayHave = true
	}
	if s.current == p {
		s.current = nil
	}
	s.mu.Unlock()
	if !mayCome {
		_ = p.sub.Unsubscribe()
	} else if p.sub.Drain() == nil {
		s.lane.draining.Add(1)
		go s.awaitDrained(p.sub)
	}
	close(p.done)
	s.lane.signal()
}

func (s *source) awaitDrained(sub *nats.Subscription) {
	defer s.lane.draining.Add(-1)
	for end := time.Now().Add(time.Second); sub.IsValid() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// takeGone says, once, whether the consumer is missing.
func (s *source) takeGone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := s.isGone
	s.isGone = false
	return gone
}
