package jetfleet

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// freshFor is how long after its request a message surely comes from that request: the server hands nothing out for one that has
// expired. A process that stood still may come to a message long after that, when others have run its job.
const freshFor = pullExpires + 2*time.Second

// delivery is a message that a consumer handed out. It comes again unless it is acknowledged in time.
type delivery struct {
	msg     *nats.Msg
	nc      *nats.Conn
	seq     uint64
	count   uint64
	pending uint64
	time    time.Time
	askedAt time.Time
	// unreadable is set for a message with headers that the client could not read, which it gives as one without any.
	unreadable bool
}

// newDelivery reads `$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer seq>.<time>.<pending>`, or the form with a domain and an
// account before the stream.
func newDelivery(nc *nats.Conn, msg *nats.Msg, askedAt time.Time) (*delivery, error) {
	tokens := strings.Split(msg.Reply, ".")
	first := 4
	if len(tokens) > 9 {
		first = 6
	}
	if len(tokens) < first+5 {
		return nil, fmt.Errorf("%q is no reply of a consumer", msg.Reply)
	}
	var numbers [5]uint64
	for i := range numbers {
		value, err := strconv.ParseUint(tokens[first+i], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no reply of a consumer", msg.Reply)
		}
		numbers[i] = value
	}
	return &delivery{
		msg: msg, nc: nc, askedAt: askedAt,
		count: numbers[0], seq: numbers[1], pending: numbers[4],
		time: time.Unix(0, int64(numbers[3])),
	}, nil
}

func (d *delivery) subject() string { return d.msg.Subject }

// isFromTimers is true for a message that the server took from TIMERS, to which only trusted clients publish.
func (d *delivery) isFromTimers() bool { return d.msg.Header.Get("Nats-Stream-Source") != "" }

// isWoken says whether what the job waits for has come.
func (d *delivery) isWoken() bool {
	return d.isFromTimers() && d.msg.Header.Get("Jetfleet-Woken") != ""
}

func (d *delivery) isFresh() bool { return time.Since(d.askedAt) < freshFor }

func (d *delivery) ack()     { d.reply("+ACK") }
func (d *delivery) working() { d.reply("+WPI") }

// nak hands the message back, to be delivered again at once or after a delay.
func (d *delivery) nak(delay time.Duration) {
	if delay <= 0 {
		d.reply("-NAK")
		return
	}
	d.reply(fmt.Sprintf(`-NAK {"delay":%d}`, delay.Nanoseconds()))
}

// nakLater waits longer each time that the message comes, up to half a minute.
func (d *delivery) nakLater() {
	delay := time.Duration(d.count) * time.Second
	if d.count > 30 {
		delay = 30 * time.Second
	}
	d.nak(delay)
}

// reply sends an answer. On a connection that is closed it goes nowhere, and the message comes again.
func (d *delivery) reply(body string) { _ = d.nc.Publish(d.msg.Reply, []byte(body)) }
