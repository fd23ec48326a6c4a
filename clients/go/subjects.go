package jetfleet

import (
	"fmt"
	"regexp"
	"strings"
)

// priorities, highest first: the order in which a worker asks for work.
var priorities = []string{"critical", "high", "normal", "low"}

const (
	// noID is what JOBS stores in the place of an id where there is none.
	noID         = ":seq"
	sealedMark   = `"jetfleet:sealed"`
	objectMark   = `"jetfleet:object"`
	webhookType  = "send_webhook"
	filterSuffix = ".>"
)

var (
	namespacePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	typePattern      = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	idPattern        = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	sequenceID       = regexp.MustCompile(`^(webhook-)?seq-\d{1,16}$`)
)

// subjects names the subjects, streams and consumers of one namespace.
type subjects struct {
	prefix string
}

func newSubjects(namespace string) (subjects, error) {
	if namespace == "" {
		return subjects{}, nil
	}
	if !namespacePattern.MatchString(namespace) {
		return subjects{}, fmt.Errorf("jetfleet: namespace %q must be 1 to 32 of a-z 0-9 _ and start with a letter", namespace)
	}
	return subjects{prefix: namespace + "."}, nil
}

func (s subjects) stream(name string) string {
	return strings.ToUpper(strings.Replace(s.prefix, ".", "_", 1) + name)
}

func (s subjects) event(jobType, status, id string) string {
	return fmt.Sprintf("%sevents.%s.%s.%s", s.prefix, jobType, status, id)
}

// eventsOf is the one filter that fences a job's records. Always this text: the server compares filters by their text.
func (s subjects) eventsOf(id string) string {
	return fmt.Sprintf("%sevents.*.*.%s", s.prefix, id)
}

func (s subjects) due(a address) string {
	return fmt.Sprintf("%sdue.jobs.%s.%s.%s", s.prefix, a.priority, a.jobType, a.id)
}

func (s subjects) timer(reason string, a address) string {
	return fmt.Sprintf("%sschedules.jobs.%s.%s.%s.%s", s.prefix, reason, a.priority, a.jobType, a.id)
}

func (s subjects) schedule(id string) string {
	return fmt.Sprintf("%sschedules.jobs.%s", s.prefix, id)
}

func (s subjects) notice(name string) string {
	return s.prefix + "jetfleet." + name
}

func consumerName(jobType, priority string) string {
	return jobType + "-" + priority
}

func (s subjects) consumerFilter(jobType, priority string) string {
	return fmt.Sprintf("%sjobs.%s.%s%s", s.prefix, priority, jobType, filterSuffix)
}

// address is what a work subject says. Without an id, the sequence of the message names the job.
type address struct {
	priority, jobType, id string
}

func (s subjects) parseWork(subject string) (address, bool) {
	if !strings.HasPrefix(subject, s.prefix) {
		return address{}, false
	}
	tokens := strings.Split(strings.TrimPrefix(subject, s.prefix), ".")
	if len(tokens) < 3 || len(tokens) > 4 || tokens[0] != "jobs" || !isPriority(tokens[1]) {
		return address{}, false
	}
	a := address{priority: tokens[1], jobType: tokens[2]}
	if len(tokens) == 4 && tokens[3] != noID {
		a.id = tokens[3]
	}
	return a, true
}

func isPriority(text string) bool {
	for _, each := range priorities {
		if each == text {
			return true
		}
	}
	return false
}
