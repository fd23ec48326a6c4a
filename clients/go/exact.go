package jetfleet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A payload must arrive in every language as it was sent: JavaScript reads numbers as doubles, and keeps one of two equal keys.
var decimalPattern = regexp.MustCompile(`^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$`)

// readPayload checks a body, and gives it without blanks.
func readPayload(body []byte) (json.RawMessage, *fault) {
	if len(body) > maxPayloadBytes {
		return nil, &fault{
			Code:    "JETFLEET_PAYLOAD_TOO_LARGE",
			Message: fmt.Sprintf("payload has %d bytes, the limit is %d", len(body), maxPayloadBytes),
			Excerpt: excerpt(body),
		}
	}
	if !utf8.Valid(body) {
		return nil, &fault{
			Code:    "JETFLEET_BODY_NOT_UTF8",
			Message: "the body is not valid UTF-8; send JSON as UTF-8",
			Excerpt: excerpt(body),
		}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil || len(bytes.TrimSpace(body)) == 0 {
		return nil, &fault{
			Code:    "JETFLEET_BODY_NOT_JSON",
			Message: "the body is not valid JSON",
			Excerpt: excerpt(body),
		}
	}
	scan := exactScan{text: compact.Bytes()}
	if found := scan.value(""); found != nil {
		return nil, found
	}
	if found := jetStreamAnswer(compact.Bytes()); found != nil {
		return nil, found
	}
	return compact.Bytes(), nil
}

// jetStreamAnswer refuses what JetStream's API answers: whoever may ask it may have its answers sent anywhere.
func jetStreamAnswer(text []byte) *fault {
	var answer struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(text, &answer) != nil || !strings.HasPrefix(answer.Type, "io.nats.jetstream.") {
		return nil
	}
	return &fault{
		Code:    "JETFLEET_PAYLOAD_INVALID",
		Message: fmt.Sprintf("an answer of JetStream's API, %s, is no job", answer.Type),
	}
}

// exactScan walks through valid JSON without blanks.
type exactScan struct {
	text  []byte
	at    int
	depth int
}

func (s *exactScan) value(path string) *fault {
	switch s.text[s.at] {
	case '{':
		return s.object(path)
	case '[':
		return s.array(path)
	case '"':
		_, found := s.string(path)
		return found
	case 't', 'n':
		s.at += 4
	case 'f':
		s.at += 5
	default:
		return s.number(path)
	}
	return nil
}

func (s *exactScan) enter() *fault {
	s.at++
	if s.depth++; s.depth > maxPayloadDepth {
		return &fault{
			Code:    "JETFLEET_PAYLOAD_TOO_DEEP",
			Message: fmt.Sprintf("payload is nested deeper than %d levels", maxPayloadDepth),
		}
	}
	return nil
}

func (s *exactScan) leave() {
	s.at++
	s.depth--
}

func (s *exactScan) object(path string) *fault {
	if found := s.enter(); found != nil {
		return found
	}
	keys := map[string]bool{}
	for s.text[s.at] != '}' {
		if s.text[s.at] == ',' {
			s.at++
		}
		key, found := s.string(path)
		if found != nil {
			return found
		}
		at := strings.TrimPrefix(path+"."+key, ".")
		if keys[key] {
			return inexact(at, "comes twice, so that one of its values would be lost")
		}
		if key == "__proto__" {
			return inexact(at, "is a key that JavaScript takes for something else")
		}
		keys[key] = true
		s.at++
		if found := s.value(at); found != nil {
			return found
		}
	}
	s.leave()
	return nil
}

func (s *exactScan) array(path string) *fault {
	if found := s.enter(); found != nil {
		return found
	}
	for index := 0; s.text[s.at] != ']'; index++ {
		if s.text[s.at] == ',' {
			s.at++
		}
		if found := s.value(fmt.Sprintf("%s[%d]", path, index)); found != nil {
			return found
		}
	}
	s.leave()
	return nil
}

// string reads a string, and refuses half of a surrogate pair, which the decoder would replace.
func (s *exactScan) string(path string) (string, *fault) {
	start := s.at
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] != '\\' {
			continue
		}
		s.at++
		if s.text[s.at] != 'u' {
			continue
		}
		unit := s.unit(s.at + 1)
		s.at += 4
		if !utf16.IsSurrogate(unit) {
			continue
		}
		isPair := s.text[s.at+1] == '\\' && s.text[s.at+2] == 'u' && utf16.DecodeRune(unit, s.unit(s.at+3)) != utf8.RuneError
		if !isPair {
			return "", inexact(path, "has a lone surrogate, which UTF-8 cannot carry")
		}
		s.at += 6
	}
	s.at++
	var text string
	if err := json.Unmarshal(s.text[start:s.at], &text); err != nil {
		return "", inexact(path, "cannot be read")
	}
	return text, nil
}

func (s *exactScan) unit(at int) rune {
	value, _ := strconv.ParseUint(string(s.text[at:at+4]), 16, 32)
	return rune(value)
}

func (s *exactScan) number(path string) *fault {
	start := s.at
	for s.at < len(s.text) && strings.IndexByte("+-0123456789.eE", s.text[s.at]) >= 0 {
		s.at++
	}
	text := string(s.text[start:s.at])
	if isExactNumber(text) {
		return nil
	}
	return inexact(path, fmt.Sprintf("is %s, which a JavaScript number would change; send it as a string", clip(text, excerptLength)))
}

func inexact(path, why string) *fault {
	at := path
	if at == "" {
		at = "the body"
	}
	return &fault{
		Code:     "JETFLEET_BODY_INEXACT",
		Message:  at + " " + why,
		Problems: []Problem{{Path: path, Message: why}},
	}
}

// isExactNumber says whether the number, read as a double and written again, is the same decimal number.
func isExactNumber(text string) bool {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || (value == 0 && math.Signbit(value)) {
		return false
	}
	return decimal(text) == decimal(strconv.FormatFloat(value, 'e', -1, 64))
}

// decimal is sign, digits without zeros around them, and the power of ten of the last digit: the same for every spelling.
func decimal(text string) string {
	parts := decimalPattern.FindStringSubmatch(text)
	if parts == nil {
		return ""
	}
	exponent, _ := strconv.Atoi(parts[4])
	digits := strings.TrimLeft(parts[2]+parts[3], "0")
	significant := strings.TrimRight(digits, "0")
	if significant == "" {
		return "0"
	}
	return fmt.Sprintf("%s%se%d", parts[1], significant, exponent-len(parts[3])+len(digits)-len(significant))
}

func excerpt(body []byte) string {
	if len(body) > excerptLength*4 {
		body = body[:excerptLength*4]
	}
	return beginning(strings.ToValidUTF8(string(body), "\uFFFD"), excerptLength)
}

// beginning is at most max characters of a text, as JavaScript counts them.
func beginning(text string, max int) string {
	units := 0
	for at, r := range text {
		if r > 0xFFFF {
			units++
		}
		if units++; units > max {
			return text[:at]
		}
	}
	return text
}

func clip(text string, max int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if cut := beginning(text, max); len(cut) < len(text) {
		return cut + "…"
	}
	return text
}
