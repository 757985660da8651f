package flow

import (
	"time"

	wit "vireo/flow/internal/contract/vireo_flow_call"
	"vireo/flow/internal/contract/vireo_flow_media"
	runtime "vireo/flow/internal/wit/runtime"
	types "vireo/flow/internal/wit/types"
)

// Info is what is known of the call. It does not change during the call.
type Info struct {
	CallID     string // as in the CDR, the journal and the log
	Flow       string
	Version    string // SHA-256 of the component, 64 lower-case hex digits
	Trunk      string
	Route      string
	Caller     string  // calling number or SIP user; "" when withheld
	CallerName *string // nil when none was sent
	Called     string
	DivertedBy []string // nearest first
	Language   string   // BCP 47 tag of the route
	Parameters map[string]string
	StartedAt  time.Time
}

// Call is the call that this flow controls.
type Call struct {
	info *Info
}

// Info is what is known of the call.
func (c *Call) Info() *Info {
	if c.info != nil {
		return c.info
	}
	info := wit.GetInfo()
	runtime.Release()
	c.info = &Info{
		CallID:     info.CallId,
		Flow:       info.Flow,
		Version:    info.Version,
		Trunk:      info.Trunk,
		Route:      info.Route,
		Caller:     info.Caller,
		CallerName: pointer(info.CallerName),
		Called:     info.Called,
		DivertedBy: info.DivertedBy,
		Language:   info.Language,
		Parameters: map[string]string{},
		StartedAt:  time.UnixMilli(int64(info.StartedAt)),
	}
	for _, parameter := range info.Parameters {
		c.info.Parameters[parameter.F0] = parameter.F1
	}
	return c.info
}

// Header has the values of a header of the INVITE, in order.
func (c *Call) Header(name string) []string {
	values := wit.Header(name)
	runtime.Release()
	return values
}

// Ring sends 180 Ringing; only before the answer.
func (c *Call) Ring() error { return done(wit.Ring()) }

// EarlyMedia lets prompts be heard before the answer, without charge (183 Session Progress).
func (c *Call) EarlyMedia() error { return done(wit.EarlyMedia()) }

// Answer answers the call. Playing, gathering and recording do it by themselves.
func (c *Call) Answer() error { return done(wit.Answer()) }

// Refusal is a reason to refuse a call.
type Refusal = wit.Refusal

// The reasons, each one final SIP response.
const (
	Busy        = Refusal(wit.RefusalBusy)        // 486
	Decline     = Refusal(wit.RefusalDecline)     // 603
	NoSuchParty = Refusal(wit.RefusalNotFound)    // 404
	Unavailable = Refusal(wit.RefusalUnavailable) // 480
	Forbidden   = Refusal(wit.RefusalForbidden)   // 403
	Congested   = Refusal(wit.RefusalCongested)   // 503
)

// Reject refuses the call; only before the answer.
func (c *Call) Reject(why Refusal) error { return done(wit.Reject(why)) }

// Hangup ends the call; later verbs return ErrHungUp. Returning from the flow does the same.
func (c *Call) Hangup() { wit.Hangup() }

// EventKind is the class of an Event.
type EventKind uint8

// The classes of events.
const (
	Key             = EventKind(wit.EventDigit)
	PlayingFinished = EventKind(wit.EventPlayingFinished)
	Held            = EventKind(wit.EventHeld)
	Resumed         = EventKind(wit.EventResumed)
	Timeout         = EventKind(wit.EventTimeout)
)

// Event is the next thing that happened to the call.
type Event struct {
	Kind EventKind
	Key  rune // of Key: one of 0123456789*#ABCD
}

// Wait waits for the next event, at the most so long (to 24 hours).
func (c *Call) Wait(atMost time.Duration) (Event, error) {
	event, err := value(wit.Wait(milliseconds(atMost)))
	if err != nil {
		return Event{}, err
	}
	next := Event{Kind: EventKind(event.Tag())}
	if next.Kind == Key {
		next.Key = event.Digit()
	}
	return next, nil
}

func milliseconds(duration time.Duration) uint32 {
	return uint32(min(max(duration.Milliseconds(), 0), 1<<32-1))
}

// Part is a piece of a prompt.
type Part = vireo_flow_media.Part

// Prompt is what the caller hears, without gaps.
type Prompt []Part

// File is an audio file, or several: "menu/welcome", without language and suffix.
func File(names ...string) Prompt {
	prompt := make(Prompt, len(names))
	for i, name := range names {
		prompt[i] = vireo_flow_media.MakePartFile(name)
	}
	return prompt
}

// Recording is one that this call made.
func Recording(id string) Prompt {
	return Prompt{vireo_flow_media.MakePartRecording(id)}
}

// Text speaks a text by the server's voice of the prompt's language: plain, or SSML when it begins
// with "<speak"; 1 to 10,000 characters.
func Text(text string) Prompt {
	return Prompt{vireo_flow_media.MakePartText(text)}
}

// Silence lasts 1 ms to 60 s.
func Silence(duration time.Duration) Prompt {
	return Prompt{vireo_flow_media.MakePartSilence(milliseconds(duration))}
}

// Tone is one or two sine waves, at -12 dBm0 when Level is 0.
type Tone struct {
	Frequency, Second uint16 // Hz; no second one when it is 0
	Duration          time.Duration
	Level             int8 // dBm0 of each
}

// Prompt makes the tone one.
func (t Tone) Prompt() Prompt {
	if t.Level == 0 {
		t.Level = -12
	}
	return Prompt{vireo_flow_media.MakePartTone(vireo_flow_media.Tone{
		Frequency:       t.Frequency,
		SecondFrequency: optional(t.Second),
		DurationMs:      milliseconds(t.Duration),
		LevelDbm0:       t.Level,
	})}
}

// Beep is 1000 Hz for 200 ms.
func Beep() Prompt {
	return Tone{Frequency: 1000, Duration: 200 * time.Millisecond}.Prompt()
}

// Then is this prompt and then the others.
func (p Prompt) Then(others ...Prompt) Prompt {
	joined := append(Prompt{}, p...)
	for _, other := range others {
		joined = append(joined, other...)
	}
	return joined
}

// AnyKey is all keys, for PlayOptions.InterruptKeys.
const AnyKey = "0123456789*#ABCD"

// PlayOptions says how a prompt is played.
type PlayOptions struct {
	Language      string // BCP 47; the call's own when ""
	InterruptKeys string // keys that cut the prompt short; none when ""
}

// Play plays a prompt to its end. Keys pressed meanwhile stay in the type-ahead buffer.
func (c *Call) Play(prompt Prompt) error {
	_, err := c.PlayWith(prompt, PlayOptions{})
	return err
}

// PlayWith plays a prompt and returns the key that cut it short, or 0.
func (c *Call) PlayWith(prompt Prompt, options PlayOptions) (rune, error) {
	end, err := value(vireo_flow_media.Play(prompt, vireo_flow_media.PlayOptions{
		Language:      optional(options.Language),
		InterruptKeys: options.InterruptKeys,
	}))
	if err != nil || end.Tag() != vireo_flow_media.PlayEndInterrupted {
		return 0, err
	}
	return end.Interrupted(), nil
}

// StartPlaying starts a prompt and returns at once; Wait tells its end.
func (c *Call) StartPlaying(prompt Prompt) error {
	return done(vireo_flow_media.StartPlaying(prompt, types.None[string](), false))
}

// RepeatPlaying plays a prompt again and again, until StopPlaying.
func (c *Call) RepeatPlaying(prompt Prompt) error {
	return done(vireo_flow_media.StartPlaying(prompt, types.None[string](), true))
}

// StopPlaying stops what StartPlaying or RepeatPlaying started.
func (c *Call) StopPlaying() error { return done(vireo_flow_media.StopPlaying()) }
