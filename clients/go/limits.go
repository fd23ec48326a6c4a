package jetfleet

import "time"

// Limits of the contract; see src/jobs/limits.ts.
const (
	maxPayloadBytes       = 512 * 1024
	maxPayloadDepth       = 100
	maxResultBytes        = 128 * 1024
	maxErrorMessageLength = 2_000
	maxErrorCodeLength    = 100
	excerptLength         = 200
	maxIDLength           = 128
	maxMaxAttempts        = 100
	defaultMaxAttempts    = 3
	maxTags               = 10
	maxTagLength          = 64
	maxTraceLength        = 512
	maxUniqueLength       = 1_800 // in percent encoding

	maxTimeout = 24 * time.Hour
	maxDelay   = 366 * 24 * time.Hour

	defaultAckWait       = 15 * time.Second
	defaultRetryBase     = time.Second
	defaultMaxRetryDelay = 5 * time.Minute

	// A message may bring its job so much before its time, since the clocks of servers differ.
	clockSkew = 200 * time.Millisecond
)
