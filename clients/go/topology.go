package jetfleet

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// consumerConfig is a consumer, as the server has it.
type consumerConfig struct {
	Name          string            `json:"name"`
	Durable       string            `json:"durable_name"`
	AckPolicy     string            `json:"ack_policy"`
	DeliverPolicy string            `json:"deliver_policy"`
	AckWait       time.Duration     `json:"ack_wait"`
	MaxAckPending int               `json:"max_ack_pending"`
	MaxDeliver    int               `json:"max_deliver"`
	Filter        string            `json:"filter_subject"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	PauseUntil    *time.Time        `json:"pause_until,omitempty"`
}

type consumerInfo struct {
	Config consumerConfig `json:"config"`
}

// pauseForever is what a consumer has that somebody has to resume.
var pauseForever = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// ensureConsumers creates the consumers of a type where they are missing, as any worker of the type does, and says how long a silent
// worker keeps a job. It refuses a type that has more than this worker can do.
func (b *broker) ensureConsumers(ctx context.Context, jobType string, ackWait time.Duration, maxAttempts int) (time.Duration, error) {
	var found consumerInfo
	err := b.ask(ctx, fmt.Sprintf("CONSUMER.INFO.%s.%s", b.stream("webhooks"), consumerName(jobType, "normal")), nil, &found)
	if err == nil {
		return 0, &TypeError{jobType, "its jobs are on the stream " + b.stream("webhooks")}
	} else if !isAPIError(err, consumerNotFound, streamNotFound) {
		return 0, err
	}
	shortest := ackWait
	for _, priority := range priorities {
		info, err := b.ensureConsumer(ctx, jobType, priority, ackWait, maxAttempts)
		if err != nil {
			return 0, err
		}
		if err := refusal(jobType, info.Config); err != nil {
			return 0, err
		}
		if wait := info.Config.AckWait; wait > 0 && wait < shortest {
			shortest = wait
		}
	}
	return shortest, nil
}

// checkType asks again whether this worker may take jobs of a type: workers of the type may have been deployed meanwhile.
func (b *broker) checkType(ctx context.Context, jobType string) error {
	var info consumerInfo
	name := consumerName(jobType, "normal")
	if err := b.ask(ctx, fmt.Sprintf("CONSUMER.INFO.%s.%s", b.stream("jobs"), name), nil, &info); err != nil {
		return err
	}
	return refusal(jobType, info.Config)
}

func refusal(jobType string, config consumerConfig) error {
	if config.Metadata["jetfleet.after"] == "yes" {
		return &TypeError{jobType, "other jobs follow from the end of each, and only the workers of its definition know which"}
	}
	limits, isKnown := config.Metadata["jetfleet.limits"]
	if limits == "yes" {
		return &TypeError{jobType, "its workers limit how many jobs run at once"}
	}
	if _, isServed := config.Metadata["jetfleet.max_attempts"]; isServed && !isKnown {
		return &TypeError{jobType, "its workers are older, and do not say whether they limit how many jobs run at once"}
	}
	return nil
}

func (b *broker) ensureConsumer(ctx context.Context, jobType, priority string, ackWait time.Duration, maxAttempts int) (consumerInfo, error) {
	stream, name := b.stream("jobs"), consumerName(jobType, priority)
	var info consumerInfo
	err := b.ask(ctx, fmt.Sprintf("CONSUMER.INFO.%s.%s", stream, name), nil, &info)
	if err == nil {
		return info, nil
	}
	if isAPIError(err, streamNotFound) {
		return info, fmt.Errorf("jetfleet: no stream %s; run `jetfleet setup`, or check the namespace: %w", stream, err)
	}
	if !isAPIError(err, consumerNotFound) {
		return info, err
	}
	config := consumerConfig{
		Name: name, Durable: name, AckPolicy: "explicit", DeliverPolicy: "all", AckWait: ackWait,
		MaxAckPending: -1, MaxDeliver: -1, Filter: b.consumerFilter(jobType, priority),
	}
	if priority == "normal" {
		// Processes that do not know the type read its settings here.
		config.Metadata = map[string]string{
			"jetfleet.max_attempts": fmt.Sprint(maxAttempts),
			"jetfleet.after":        "no",
			"jetfleet.retention":    "",
			"jetfleet.limits":       "no",
		}
	}
	if config.PauseUntil, err = b.pausedUntil(ctx, jobType, priority); err != nil {
		return info, err
	}
	request := map[string]any{"stream_name": stream, "config": config, "action": "create"}
	err = b.ask(ctx, fmt.Sprintf("CONSUMER.CREATE.%s.%s.%s", stream, name, config.Filter), request, &info)
	if isAPIError(err, consumerAlreadyExists) {
		// Another worker was faster.
		err = b.ask(ctx, fmt.Sprintf("CONSUMER.INFO.%s.%s", stream, name), nil, &info)
	}
	return info, err
}

// pausedUntil says until when the jobs of a type and priority are paused. A consumer that is created is paused from the start.
func (b *broker) pausedUntil(ctx context.Context, jobType, priority string) (*time.Time, error) {
	stored, err := b.message(ctx, "control", map[string]string{"last_by_subj": b.prefix + "control.pauses"})
	if isAPIError(err, streamNotFound) || (err == nil && stored == nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list struct {
		Pauses []struct {
			Type     *string    `json:"type"`
			Priority *string    `json:"priority"`
			Until    *time.Time `json:"until"`
		} `json:"pauses"`
	}
	if err := json.Unmarshal(stored.Data, &list); err != nil {
		return nil, nil
	}
	var until *time.Time
	for _, pause := range list.Pauses {
		if (pause.Type != nil && *pause.Type != jobType) || (pause.Priority != nil && *pause.Priority != priority) {
			continue
		}
		end := pauseForever
		if pause.Until != nil {
			end = *pause.Until
		}
		if until == nil || end.After(*until) {
			until = &end
		}
	}
	return until, nil
}

// TypeError says why this worker takes no jobs of a type.
type TypeError struct {
	Type   string
	Reason string
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("jetfleet: jobs of type %s are left to the workers of Jetfleet: %s", e.Type, e.Reason)
}
