package jetfleet

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const recoverPause = 500 * time.Millisecond

// lane feeds the slots of one job type, strictly by priority: a job starts only while a request waits at every consumer of a higher
// priority, so that none of them has a job to hand out.
type lane struct {
	worker  *Worker
	jobType string
	handler Handler
	options HandlerOptions
	sources []*source

	mu     sync.Mutex
	held   [][]*delivery
	taken  int
	isOpen bool

	wake     chan struct{}
	draining atomic.Int32
	jobs     sync.WaitGroup
}

func newLane(w *Worker, jobType string, handler Handler, options HandlerOptions) *lane {
	l := &lane{worker: w, jobType: jobType, handler: handler, options: options, wake: make(chan struct{}, 1)}
	l.held = make([][]*delivery, len(priorities))
	for step := range priorities {
		l.sources = append(l.sources, newSource(l, step))
	}
	return l
}

func (l *lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// hold keeps a delivery until the lane has looked at its priority. A lane that is closed hands it back.
func (l *lane) hold(s *source, d *delivery) {
	l.mu.Lock()
	isOpen := l.isOpen
	if isOpen {
		l.held[s.step] = append(l.held[s.step], d)
	}
	l.mu.Unlock()
	if !isOpen {
		d.nak(0)
		return
	}
	l.signal()
}

// run takes jobs until the context is done.
func (l *lane) run(ctx context.Context) {
	l.mu.Lock()
	l.isOpen = true
	l.mu.Unlock()
	for ctx.Err() == nil {
		if l.worker.isPaused(l.jobType) {
			l.withdraw(false)
			l.handBack()
			l.sleep(ctx, recoverPause)
			continue
		}
		if err := l.turn(ctx); err != nil {
			l.worker.logf("cannot ask for jobs of type %s; trying again: %v", l.jobType, err)
			_ = pause(ctx, recoverPause)
			continue
		}
		l.sleep(ctx, pullExpires)
	}
	l.close()
}

func (l *lane) sleep(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-l.wake:
	case <-timer.C:
	}
}

// turn goes through the priorities from the highest one: it starts what has come, takes what is there, and leaves a request.
func (l *lane) turn(ctx context.Context) error {
	for _, s := range l.sources {
		if s.takeGone() {
			if _, err := l.worker.broker.ensureConsumers(ctx, l.jobType, l.worker.options.AckWait, l.options.MaxAttempts); err != nil {
				return err
			}
		}
		l.startHeld(s)
		if s.isRefused() {
			// Nothing of a lower priority starts before it can be asked again.
			return nil
		}
		for free := l.free(); free > 0 && !s.isWaiting() && ctx.Err() == nil; free = l.free() {
			if !s.mayHaveMore() {
				if err := s.wait(); err != nil {
					return err
				}
				break
			}
			if err := s.take(free); err != nil {
				return err
			}
			if l.startHeld(s) == 0 && s.mayHaveMore() {
				// No answer came.
				return nil
			}
		}
		if l.free() == 0 {
			break
		}
	}
	if l.free() == 0 {
		l.withdraw(false)
		l.handBack()
	}
	return nil
}

// startHeld starts what has come of one priority, as far as there are slots.
func (l *lane) startHeld(s *source) int {
	started := 0
	for {
		l.mu.Lock()
		list := l.held[s.step]
		if len(list) == 0 || l.taken >= l.options.Concurrency {
			l.mu.Unlock()
			return started
		}
		d := list[0]
		l.held[s.step] = list[1:]
		l.taken++
		l.mu.Unlock()
		started++
		l.jobs.Add(1)
		go func() {
			defer l.jobs.Done()
			l.worker.process(l, d)
			l.mu.Lock()
			l.taken--
			l.mu.Unlock()
			l.signal()
		}()
	}
}

func (l *lane) free() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.options.Concurrency - l.taken
}

func (l *lane) running() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken
}

// handBack gives back what has come without a slot for it.
func (l *lane) handBack() {
	l.mu.Lock()
	held := l.held
	l.held = make([][]*delivery, len(priorities))
	l.mu.Unlock()
	for _, list := range held {
		for _, d := range list {
			d.nak(0)
		}
	}
}

func (l *lane) withdraw(isClosing bool) {
	for _, s := range l.sources {
		s.withdraw(isClosing)
	}
}

// close hands back what comes until nothing more does.
func (l *lane) close() {
	l.mu.Lock()
	l.isOpen = false
	l.mu.Unlock()
	l.withdraw(true)
	l.handBack()
	for end := time.Now().Add(time.Second); l.draining.Load() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}
