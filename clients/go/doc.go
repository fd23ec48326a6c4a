// Package jetfleet runs jobs of a Jetfleet queue in Go.
//
// It follows the contract of the subjects, headers and records of Jetfleet: it claims a job by a record that is fenced by the
// job's last one, keeps its message by heartbeats, writes the outcome behind the same fence, and then acknowledges the message.
// It needs nothing but a connection to NATS; producers, the API and the dashboard see its jobs as they see all others.
//
// Jobs that need more than this worker can do are left to the workers of Jetfleet itself. README.md lists them.
package jetfleet
