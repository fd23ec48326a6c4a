package jetfleet

import "testing"

func TestReadPayload(t *testing.T) {
	for _, each := range []struct{ body, code string }{
		{`{"a":[1,2.50,1e20,-0.5,0.1,9007199254740992]}`, ""},
		{` "text" `, ""},
		{`{"a":"\ud83d\ude00","b":"\\ud800"}`, ""},
		{`12345678901234567890`, "JETFLEET_BODY_INEXACT"},
		{`[0.12345678901234567890]`, "JETFLEET_BODY_INEXACT"},
		{`-0`, "JETFLEET_BODY_INEXACT"},
		{`-0.0`, "JETFLEET_BODY_INEXACT"},
		{`1e999`, "JETFLEET_BODY_INEXACT"},
		{`{"a":1,"b":2,"a":3}`, "JETFLEET_BODY_INEXACT"},
		{`{"a":1,"\u0061":3}`, "JETFLEET_BODY_INEXACT"},
		{`{"__proto__":1}`, "JETFLEET_BODY_INEXACT"},
		{`"\ud800"`, "JETFLEET_BODY_INEXACT"},
		{`"\udc00\ud800"`, "JETFLEET_BODY_INEXACT"},
		{`{`, "JETFLEET_BODY_NOT_JSON"},
		{``, "JETFLEET_BODY_NOT_JSON"},
		{"\xff", "JETFLEET_BODY_NOT_UTF8"},
		{`{"type":"io.nats.jetstream.api.v1.pub_ack"}`, "JETFLEET_PAYLOAD_INVALID"},
	} {
		_, found := readPayload([]byte(each.body))
		code := ""
		if found != nil {
			code = found.Code
		}
		if code != each.code {
			t.Errorf("%s: %q, expected %q", each.body, code, each.code)
		}
	}
}

func TestDepth(t *testing.T) {
	nested := func(levels int) []byte {
		text := make([]byte, 0, 2*levels)
		for i := 0; i < levels; i++ {
			text = append(text, '[')
		}
		for i := 0; i < levels; i++ {
			text = append(text, ']')
		}
		return text
	}
	if _, found := readPayload(nested(maxPayloadDepth)); found != nil {
		t.Errorf("%d levels: %s", maxPayloadDepth, found.Message)
	}
	if _, found := readPayload(nested(maxPayloadDepth + 1)); found == nil || found.Code != "JETFLEET_PAYLOAD_TOO_DEEP" {
		t.Errorf("%d levels are accepted", maxPayloadDepth+1)
	}
}
