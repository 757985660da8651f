package flow

import (
	"fmt"
	"strings"
	"time"

	"vireo/flow/internal/contract/vireo_flow_clock"
	"vireo/flow/internal/contract/vireo_flow_http"
	"vireo/flow/internal/contract/vireo_flow_kv"
	"vireo/flow/internal/contract/vireo_flow_log"
	"vireo/flow/internal/contract/vireo_flow_settings"
	runtime "vireo/flow/internal/wit/runtime"
	types "vireo/flow/internal/wit/types"
)

// KV is a key-value store that outlives calls. It needs the grant kv.
var KV kv

type kv struct{}

// Get is the value of a key; nil when there is none.
func (kv) Get(key string) ([]byte, error) {
	found, err := value(vireo_flow_kv.Get(key))
	if err != nil || found.Tag() == types.OptionNone {
		return nil, err
	}
	return append([]byte{}, found.Some()...), nil
}

// Set writes a value.
func (kv) Set(key string, value []byte) error { return done(vireo_flow_kv.Set(key, value)) }

// Delete removes a key.
func (kv) Delete(key string) error { return done(vireo_flow_kv.Delete(key)) }

// Increment adds to a counter and returns its new value.
func (kv) Increment(key string, by int64) (int64, error) {
	return value(vireo_flow_kv.Increment(key, by))
}

// CompareAndSwap writes a value (nil: deletes) only if it is still the expected one (nil: absent), and
// says whether it was.
func (kv) CompareAndSwap(key string, expected, new []byte) (bool, error) {
	return value(vireo_flow_kv.CompareAndSwap(key, bytes(expected), bytes(new)))
}

// Keys are those that start with a prefix, in byte order, at most so many.
func (kv) Keys(prefix string, limit uint32) ([]string, error) {
	return value(vireo_flow_kv.ListKeys(prefix, limit))
}

func bytes(data []byte) types.Option[[]byte] {
	if data == nil {
		return types.None[[]byte]()
	}
	return types.Some(data)
}

// Setting is what the operator set for this flow; false when there is none of this name.
func Setting(key string) (string, bool) {
	found := vireo_flow_settings.Get(key)
	runtime.Release()
	if found.Tag() == types.OptionNone {
		return "", false
	}
	return found.Some(), true
}

// Secret is a granted secret; it is never logged.
func Secret(name string) (string, error) { return value(vireo_flow_settings.Secret(name)) }

// Debugf writes to the log of the call.
func Debugf(format string, arguments ...any) { logf(vireo_flow_log.LevelDebug, format, arguments) }

// Infof writes to the log of the call.
func Infof(format string, arguments ...any) { logf(vireo_flow_log.LevelInfo, format, arguments) }

// Warnf writes to the log of the call.
func Warnf(format string, arguments ...any) { logf(vireo_flow_log.LevelWarn, format, arguments) }

// Errorf writes to the log of the call.
func Errorf(format string, arguments ...any) { logf(vireo_flow_log.LevelError, format, arguments) }

func logf(level vireo_flow_log.Level, format string, arguments []any) {
	vireo_flow_log.Write(level, fmt.Sprintf(format, arguments...))
}

// Now is the time; time.Now has none. Time and random numbers come from here, so that the journal has
// them.
func Now() time.Time { return time.UnixMilli(int64(vireo_flow_clock.Now())) }

// Random is a number that nobody can guess.
func Random() uint64 { return vireo_flow_clock.Random() }

// LocalTime is wall-clock time in a time zone.
type LocalTime struct {
	Year                 int
	Month, Day           int // from 1
	Weekday              int // 1 is Monday, 7 is Sunday
	Hour, Minute, Second int
	UTCOffset            time.Duration // east of UTC
}

// Local is the time now in an IANA time zone; "" is the server's own.
func Local(zone string) (LocalTime, error) {
	now, err := value(vireo_flow_clock.Local(optional(zone)))
	if err != nil {
		return LocalTime{}, err
	}
	return LocalTime{
		Year:      int(now.Year),
		Month:     int(now.Month),
		Day:       int(now.Day),
		Weekday:   int(now.Weekday),
		Hour:      int(now.Hour),
		Minute:    int(now.Minute),
		Second:    int(now.Second),
		UTCOffset: time.Duration(now.UtcOffsetS) * time.Second,
	}, nil
}

// Header is one of an HTTP message.
type Header struct{ Name, Value string }

// Request is an HTTP request to a host that the flow was granted.
type Request struct {
	Method  string // "GET" when ""
	URL     string
	Headers []Header
	Body    []byte
	Timeout time.Duration // 5 s when 0
}

// Response is an HTTP response.
type Response struct {
	Status  int
	Headers []Header
	Body    []byte
}

// Header is the value of the first header of this name, compared without case.
func (r *Response) Header(name string) string {
	for _, header := range r.Headers {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}

// Send sends it. A response of any status is no error.
func (r Request) Send() (*Response, error) {
	headers := make([]types.Tuple2[string, string], len(r.Headers))
	for i, header := range r.Headers {
		headers[i] = types.Tuple2[string, string]{F0: header.Name, F1: header.Value}
	}
	answer, err := value(vireo_flow_http.Send(vireo_flow_http.Request{
		Method:    or(r.Method, "GET"),
		Url:       r.URL,
		Headers:   headers,
		Body:      r.Body,
		TimeoutMs: milliseconds(or(r.Timeout, 5*time.Second)),
	}))
	if err != nil {
		return nil, err
	}
	response := &Response{Status: int(answer.Status), Body: append([]byte{}, answer.Body...)}
	for _, header := range answer.Headers {
		response.Headers = append(response.Headers, Header{header.F0, header.F1})
	}
	return response, nil
}
