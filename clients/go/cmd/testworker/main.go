// Testworker runs jobs whose payloads say what their handlers do. The parity suite and the fault harness of the repository drive it;
// test/parity/README.md describes the protocol.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"jetfleet/clients/go"
)

func main() {
	log.SetOutput(os.Stderr)
	var err error
	if channel := os.Getenv("NODE_CHANNEL_FD"); channel != "" {
		err = runFaults(channel)
	} else {
		err = runParity([]byte(os.Getenv("PARITY_CONFIG")))
	}
	if err != nil {
		log.Fatal(err)
	}
}

// lines writes JSON lines from any goroutine.
type lines struct {
	mu  sync.Mutex
	out *os.File
}

func (l *lines) say(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		log.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.out.Write(append(text, '\n'))
}

func connect(url, name string) (*nats.Conn, error) {
	options := []nats.Option{
		nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond), nats.RetryOnFailedConnect(true),
	}
	if prefix := os.Getenv("NATS_INBOX_PREFIX"); prefix != "" {
		options = append(options, nats.CustomInboxPrefix(prefix))
	}
	return nats.Connect(url, options...)
}

func logfOf(variable string) func(string, ...any) {
	if os.Getenv(variable) == "" {
		return nil
	}
	return log.Printf
}

type parityConfig struct {
	URL, Namespace, Name string
	AckWaitMs, DrainMs   int64
}

func runParity(text []byte) error {
	var config parityConfig
	if err := json.Unmarshal(text, &config); err != nil {
		return err
	}
	nc, err := connect(config.URL, config.Name)
	if err != nil {
		return err
	}
	defer nc.Close()
	worker, err := jetfleet.NewWorker(nc, jetfleet.Options{
		Namespace:       config.Namespace,
		Name:            config.Name,
		AckWait:         ms(config.AckWaitMs),
		ShutdownTimeout: ms(config.DrainMs),
		Logf:            logfOf("PARITY_LOG"),
		OnReady: func() {
			out.say(map[string]any{"ready": true, "supports": []string{}})
		},
	})
	if err != nil {
		return err
	}
	retry := jetfleet.RetryPolicy{Base: 100 * time.Millisecond, Max: 300 * time.Millisecond, NoJitter: true}
	for jobType, concurrency := range map[string]int{"parity": 8, "parity_single": 1} {
		options := jetfleet.HandlerOptions{Concurrency: concurrency, Retry: retry}
		if err := worker.Handle(jobType, runSteps, options); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return worker.Run(ctx)
}

var out = &lines{out: os.Stdout}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

type step map[string]json.RawMessage

// runSteps does what the payload says of this run. The checkpoint counts runs that did not end their attempt.
func runSteps(ctx context.Context, job *jetfleet.Job) (any, error) {
	out.say(map[string]any{"began": job.ID, "attempt": job.Attempt, "checkpoint": job.Checkpoint()})
	returned := make(chan struct{})
	defer close(returned)
	go func() {
		select {
		case <-ctx.Done():
			out.say(map[string]any{"stopped": job.ID, "reason": jetfleet.StopReason(ctx)})
		case <-returned:
			// It may have been stopped in the same moment.
			if reason := jetfleet.StopReason(ctx); reason != "" {
				out.say(map[string]any{"stopped": job.ID, "reason": reason})
			}
		}
	}()
	var payload struct{ Runs [][]step }
	if err := job.Bind(&payload); err != nil {
		return nil, err
	}
	index := job.Attempt - 1
	var left struct{ Run *int }
	if json.Unmarshal(job.Checkpoint(), &left) == nil && left.Run != nil {
		index = *left.Run
	}
	if last := len(payload.Runs) - 1; index > last {
		index = last
	}
	for _, each := range payload.Runs[index] {
		result, isEnd, err := each.do(ctx, job)
		if isEnd || err != nil {
			return result, err
		}
	}
	return nil, nil
}

func (s step) do(ctx context.Context, job *jetfleet.Job) (result any, isEnd bool, err error) {
	number := func(key string) time.Duration {
		var value int64
		_ = json.Unmarshal(s[key], &value)
		return ms(value)
	}
	checkpoint, hasCheckpoint := s["checkpoint"]
	switch {
	case s["snoozeMs"] != nil:
		if !hasCheckpoint {
			return nil, true, jetfleet.Snooze(number("snoozeMs"), nil)
		}
		return nil, true, jetfleet.Snooze(number("snoozeMs"), checkpoint)
	case hasCheckpoint:
		return nil, false, job.SaveCheckpoint(checkpoint)
	case s["runMs"] != nil:
		return nil, false, sleep(ctx, number("runMs"))
	case s["untilStopped"] != nil:
		return nil, false, sleep(ctx, 10*time.Minute)
	case s["ignoreStop"] != nil:
		time.Sleep(number("ignoreStop"))
		return nil, false, nil
	case s["result"] != nil:
		return s["result"], true, nil
	case s["resultBytes"] != nil:
		return strings.Repeat("x", int(number("resultBytes")/time.Millisecond)), true, nil
	case s["fail"] != nil:
		return nil, true, errorIn(s["fail"], false)
	case s["refuse"] != nil:
		return nil, true, errorIn(s["refuse"], true)
	}
	return nil, true, errors.New("the payload has an unknown step")
}

func errorIn(text json.RawMessage, isPermanent bool) error {
	var said struct {
		Message, Code string
		RetryAfterMs  int64
	}
	_ = json.Unmarshal(text, &said)
	err := error(&jetfleet.Error{Code: said.Code, Err: errors.New(said.Message), RetryAfter: ms(said.RetryAfterMs)})
	if isPermanent {
		return jetfleet.Permanent(err)
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
