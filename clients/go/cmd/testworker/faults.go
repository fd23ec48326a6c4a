package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"jetfleet/clients/go"
)

// faultConfig is what the fault harness says of a worker, as far as this one heeds it.
type faultConfig struct {
	Name, Namespace      string
	Servers              []string
	AckWaitMs, TaskSlots int64
}

const faultDrain = 500 * time.Millisecond

// runFaults speaks to the harness over the channel that Node gives its child processes: lines of JSON, both ways.
func runFaults(channel string) error {
	fd, err := strconv.Atoi(channel)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), "harness")
	harness := &lines{out: file}
	harness.say(map[string]string{"type": "idle"})
	terminated, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var running *faultRun
	orders := bufio.NewScanner(file)
	orders.Buffer(nil, 1<<20)
	heard := make(chan []byte)
	go func() {
		defer close(heard)
		for orders.Scan() {
			heard <- append([]byte(nil), orders.Bytes()...)
		}
	}()
	for {
		select {
		case <-terminated.Done():
			running.end()
			return nil
		case line, isOpen := <-heard:
			if !isOpen {
				os.Exit(1)
			}
			var order struct {
				Type   string
				Config faultConfig
			}
			if err := json.Unmarshal(line, &order); err != nil {
				return err
			}
			switch order.Type {
			case "start":
				running = startFaultRun(order.Config, harness)
			case "stop":
				running.end()
				running = nil
				harness.say(map[string]string{"type": "idle"})
			}
		}
	}
}

type faultRun struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (r *faultRun) end() {
	if r != nil {
		r.cancel()
		<-r.done
	}
}

func startFaultRun(config faultConfig, harness *lines) *faultRun {
	ctx, cancel := context.WithCancel(context.Background())
	r := &faultRun{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for ctx.Err() == nil {
			// The broker may be away while a worker comes up.
			if err := serveTasks(ctx, config, harness); err != nil {
				_ = sleep(ctx, 100*time.Millisecond)
			}
		}
	}()
	return r
}

func serveTasks(ctx context.Context, config faultConfig, harness *lines) error {
	nc, err := connect(strings.Join(config.Servers, ","), config.Name)
	if err != nil {
		return err
	}
	defer nc.Close()
	worker, err := jetfleet.NewWorker(nc, jetfleet.Options{
		Namespace:       config.Namespace,
		Name:            config.Name,
		AckWait:         ms(config.AckWaitMs),
		ShutdownTimeout: faultDrain,
		ConfirmTimeout:  700 * time.Millisecond,
		Logf:            logfOf("FAULT_LOG"),
		OnReady:         func() { harness.say(map[string]string{"type": "started"}) },
	})
	if err != nil {
		return err
	}
	handler := func(ctx context.Context, job *jetfleet.Job) (any, error) { return runTask(ctx, job, harness) }
	options := jetfleet.HandlerOptions{
		Concurrency: int(config.TaskSlots),
		Retry:       jetfleet.RetryPolicy{Base: 20 * time.Millisecond, Max: 400 * time.Millisecond},
	}
	if err := worker.Handle("task", handler, options); err != nil {
		return err
	}
	return worker.Run(ctx)
}

type taskStep struct {
	Ms, NapMs int64
	End       string
}

var errPlanned = errors.New("as planned")

// runTask does what the plan of the run says of an attempt, as the worker of the harness in TypeScript does.
func runTask(ctx context.Context, job *jetfleet.Job, harness *lines) (any, error) {
	var payload struct{ Steps []taskStep }
	if err := job.Bind(&payload); err != nil {
		return nil, err
	}
	index := job.Attempt - 1
	if last := len(payload.Steps) - 1; index > last {
		index = last
	}
	step := payload.Steps[index]
	returned := make(chan struct{})
	defer close(returned)
	go func() {
		select {
		case <-ctx.Done():
			if jetfleet.StopReason(ctx) == jetfleet.Cancelled {
				harness.say(map[string]string{"type": "cancelled", "jobId": job.ID})
			}
		case <-returned:
		}
	}()
	if err := sleep(ctx, ms(step.Ms)); err != nil {
		return nil, err
	}
	switch step.End {
	case "throw":
		return nil, errPlanned
	case "fatal":
		return nil, jetfleet.Permanent(errPlanned)
	case "nap":
		if string(job.Checkpoint()) == `"napped"` {
			return "rested", nil
		}
		nap := step.NapMs
		if nap == 0 {
			nap = step.Ms
		}
		return nil, jetfleet.Snooze(ms(nap), "napped")
	case "checkpoint":
		if err := job.SaveCheckpoint(map[string]int{"attempt": job.Attempt}); err != nil {
			return nil, err
		}
		return "noted", nil
	case "hang":
		return "never", sleep(ctx, time.Minute)
	default:
		return map[string]int{"by": os.Getpid()}, nil
	}
}
