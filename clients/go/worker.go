package jetfleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// Options of a worker. The zero value has the defaults.
type Options struct {
	// Namespace of the queue. Defaults to none.
	Namespace string
	// Name stands on every record. Defaults to `<host>-<pid>-<random>`.
	Name string
	// AckWait is how long a job stays with a worker that has gone silent, where this worker creates its consumers. Defaults to 15 seconds.
	AckWait time.Duration
	// ShutdownTimeout is how long running jobs may go on after the context of Run is done; then they are handed back. Defaults to 30 seconds.
	ShutdownTimeout time.Duration
	// ConfirmTimeout is how long a write may be without an answer before it is tried again. Defaults to 5 seconds.
	ConfirmTimeout time.Duration
	// OnReady is called once the worker takes jobs.
	OnReady func()
	// Logf logs what goes wrong. Defaults to nothing.
	Logf func(format string, args ...any)
}

// HandlerOptions say how jobs of a type run. The zero value has the defaults.
type HandlerOptions struct {
	// Concurrency is how many jobs of the type run at once. Defaults to 10.
	Concurrency int
	// MaxAttempts holds for jobs that do not say so themselves: 1 to 100. Defaults to 3.
	MaxAttempts int
	// Timeout of one attempt, for jobs that do not say so themselves. Defaults to 24 hours, which is also the longest.
	Timeout time.Duration
	Retry   RetryPolicy
	// Version of the handler, from 1: a job that has begun under one version stays with it until it ends. Defaults to none.
	Version int64
}

// Worker takes jobs of a queue, and runs them.
type Worker struct {
	broker  *broker
	options Options
	lanes   map[string]*lane
	// background is done when the worker gives up what it still writes.
	background context.Context

	mu          sync.Mutex
	state       string
	startedAt   time.Time
	lease       time.Duration
	releasing   bool
	pausedTypes map[string]bool
	pauseEnd    *time.Timer
	isPausedAll bool
	runs        map[string]*run
	taking      map[string]*delivery
	// doubted are jobs that were cancelled, as somebody has said, while they were claimed.
	doubted map[string]bool
}

// NewWorker makes a worker on a connection, which its owner opens and closes. Give it nats.MaxReconnects(-1), so that it outlives
// restarts of the server.
func NewWorker(nc *nats.Conn, options Options) (*Worker, error) {
	s, err := newSubjects(options.Namespace)
	if err != nil {
		return nil, err
	}
	if options.Name == "" {
		host, _ := os.Hostname()
		options.Name = fmt.Sprintf("%s-%d-%s", host, os.Getpid(), nuid.Next()[16:])
	}
	for _, each := range []struct {
		name  string
		value *time.Duration
		byDef time.Duration
	}{
		{"AckWait", &options.AckWait, defaultAckWait},
		{"ShutdownTimeout", &options.ShutdownTimeout, 30 * time.Second},
		{"ConfirmTimeout", &options.ConfirmTimeout, defaultConfirmTimeout},
	} {
		if err := setDuration("Options."+each.name, each.value, each.byDef, maxTimeout); err != nil {
			return nil, err
		}
	}
	if options.Logf == nil {
		options.Logf = func(string, ...any) {}
	}
	return &Worker{
		broker:      &broker{subjects: s, nc: nc, confirmTimeout: options.ConfirmTimeout, logf: options.Logf},
		options:     options,
		lanes:       map[string]*lane{},
		pausedTypes: map[string]bool{},
		runs:        map[string]*run{},
		taking:      map[string]*delivery{},
		doubted:     map[string]bool{},
		state:       "idle",
	}, nil
}

func setDuration(name string, value *time.Duration, byDefault, most time.Duration) error {
	if *value < 0 || *value > most {
		return invalid("JETFLEET_OPTION_INVALID", "%s must be from 0 to %s, got %s", name, most, *value)
	}
	if *value == 0 {
		*value = byDefault
	}
	return nil
}

// Handle runs jobs of a type with a handler, from Run on.
func (w *Worker) Handle(jobType string, handler Handler, options HandlerOptions) error {
	if !typePattern.MatchString(jobType) {
		return invalid("JETFLEET_TYPE_INVALID", "job type %q must be snake_case: 1 to 64 of a-z 0-9 _, starting with a letter", jobType)
	}
	if jobType == webhookType {
		return &TypeError{jobType, "its jobs are on the stream " + w.broker.stream("webhooks")}
	}
	if handler == nil {
		return invalid("JETFLEET_OPTION_INVALID", "the handler of %s is nil", jobType)
	}
	if w.lanes[jobType] != nil {
		return invalid("JETFLEET_OPTION_INVALID", "%s has a handler already", jobType)
	}
	if options.Concurrency == 0 {
		options.Concurrency = 10
	}
	if options.MaxAttempts == 0 {
		options.MaxAttempts = defaultMaxAttempts
	}
	if options.Concurrency < 1 || options.Concurrency > 10_000 {
		return invalid("JETFLEET_OPTION_INVALID", "%s: concurrency must be an integer from 1 to 10000, got %d", jobType, options.Concurrency)
	}
	if options.MaxAttempts < 1 || options.MaxAttempts > maxMaxAttempts {
		return invalid("JETFLEET_OPTION_INVALID", "%s: max attempts must be an integer from 1 to %d, got %d", jobType, maxMaxAttempts, options.MaxAttempts)
	}
	if options.Version < 0 {
		return invalid("JETFLEET_OPTION_INVALID", "%s: version must be 1 or more, got %d", jobType, options.Version)
	}
	for _, each := range []struct {
		name        string
		value       *time.Duration
		byDef, most time.Duration
	}{
		{"Timeout", &options.Timeout, maxTimeout, maxTimeout},
		{"Retry.Base", &options.Retry.Base, defaultRetryBase, maxDelay},
		{"Retry.Max", &options.Retry.Max, defaultMaxRetryDelay, maxDelay},
	} {
		if err := setDuration(jobType+": "+each.name, each.value, each.byDef, each.most); err != nil {
			return err
		}
	}
	w.lanes[jobType] = newLane(w, jobType, handler, options)
	return nil
}

// Run takes jobs until the context is done. Then it claims no more, waits for running jobs, hands back those that take longer than
// ShutdownTimeout, and returns nil. It returns an error when it cannot start: a *TypeError for a type that it leaves to the workers
// of Jetfleet.
func (w *Worker) Run(ctx context.Context) error {
	background, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	w.background = background
	if err := w.broker.readClock(ctx); err != nil {
		if isAPIError(err, streamNotFound) {
			return fmt.Errorf("jetfleet: no stream %s; run `jetfleet setup`, or check the namespace: %w", w.broker.stream("events"), err)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("jetfleet: the broker does not answer: %w", err)
		}
		return err
	}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	stopListening, err := w.listen()
	if err != nil {
		return err
	}
	defer stopListening()
	w.setState("running")
	go w.watch(background)
	var lanes sync.WaitGroup
	for _, l := range w.lanes {
		lanes.Add(1)
		go func(l *lane) {
			defer lanes.Done()
			l.run(ctx)
		}(l)
	}
	if w.options.OnReady != nil {
		w.options.OnReady()
	}
	<-ctx.Done()
	w.setState("draining")
	lanes.Wait()
	w.drain()
	// What was answered last must have left before the owner closes the connection.
	_ = w.broker.nc.FlushTimeout(time.Second)
	w.setState("stopped")
	return nil
}

func (w *Worker) prepare(ctx context.Context) error {
	w.mu.Lock()
	w.lease = w.options.AckWait
	w.startedAt = w.broker.now(time.Time{})
	w.mu.Unlock()
	for jobType, l := range w.lanes {
		wait, err := w.broker.ensureConsumers(ctx, jobType, w.options.AckWait, l.options.MaxAttempts)
		if err != nil {
			return err
		}
		w.mu.Lock()
		if wait < w.lease {
			w.lease = wait
		}
		w.mu.Unlock()
	}
	return nil
}

// drain waits for running jobs, then hands back the others.
func (w *Worker) drain() {
	done := make(chan struct{})
	go func() {
		for _, l := range w.lanes {
			l.jobs.Wait()
		}
		close(done)
	}()
	select {
	case <-done:
		return
	case <-time.After(w.options.ShutdownTimeout):
	}
	w.mu.Lock()
	w.releasing = true
	var left []*run
	for _, r := range w.runs {
		left = append(left, r)
	}
	w.mu.Unlock()
	for _, r := range left {
		r.stop(Draining)
	}
	// A handler that ignores its context is left behind; its job is handed back.
	for end := time.Now().Add(w.options.ConfirmTimeout); time.Now().Before(end) && w.openCount() > 0; {
		time.Sleep(time.Millisecond)
	}
	select {
	case <-done:
	case <-time.After(100 * time.Millisecond):
	}
}

// watch asks every few seconds whether the types may still be taken, and sets the clock again.
func (w *Worker) watch(ctx context.Context) {
	for checks := 1; pause(ctx, checkEvery) == nil; checks++ {
		if checks%checksPerClock == 0 {
			if err := w.broker.readClock(ctx); err != nil {
				w.logf("cannot read the broker's clock: %v", err)
			}
		}
		for jobType := range w.lanes {
			err := w.broker.checkType(ctx, jobType)
			var refused *TypeError
			w.mu.Lock()
			if isRefused := errors.As(err, &refused); isRefused || err == nil {
				if isRefused && !w.pausedTypes[jobType] {
					w.logf("no more jobs are taken: %v", err)
				}
				w.pausedTypes[jobType] = isRefused
			}
			w.mu.Unlock()
		}
	}
}

// openCount is how many jobs are claimed here, or run.
func (w *Worker) openCount() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.runs) + len(w.taking)
}

func (w *Worker) ackWait() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lease
}

func (w *Worker) isReleasing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.releasing
}

func (w *Worker) isPaused(jobType string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.isPausedAll || w.pausedTypes[jobType]
}

func (w *Worker) setState(state string) {
	w.mu.Lock()
	w.state = state
	w.mu.Unlock()
}

func (w *Worker) logf(format string, args ...any) { w.options.Logf(format, args...) }
