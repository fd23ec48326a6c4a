package jetfleet

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"
)

// addListHeaders adds the options of a record that are no plain values.
func addListHeaders(h nats.Header, r record) {
	var tags []string
	if json.Unmarshal(r["tags"], &tags) == nil && len(tags) > 0 {
		h.Set("Jetfleet-Tags", strings.Join(tags, ","))
	}
	var unique struct{ Key, Scope string }
	if json.Unmarshal(r["unique"], &unique) == nil && unique.Scope != "" {
		h.Set("Jetfleet-Unique", unique.Scope+" "+encodeKey(unique.Key))
	}
}

// encodeKey writes a unique key in percent encoding, a blank as %20.
func encodeKey(key string) string {
	return strings.ReplaceAll(url.QueryEscape(key), "+", "%20")
}
