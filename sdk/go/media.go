package flow

import (
	"strings"
	"time"

	wit "vireo/flow/internal/contract/vireo_flow_media"
)

const mostDigits = 64

// None is 0 for an option where 0 stands for the default.
const None = -1

// BargeIn says whether the caller can cut the prompt short.
type BargeIn = wit.BargeIn

// What a key does while the prompt is heard.
const (
	BargeInOn   = BargeIn(wit.BargeInOn)   // it stops the prompt and counts
	BargeInOff  = BargeIn(wit.BargeInOff)  // it is kept for the prompt's end
	BargeInDeaf = BargeIn(wit.BargeInDeaf) // it is thrown away
)

// TypeAhead says whether keys count that were pressed before.
type TypeAhead = wit.TypeAhead

// What happens to keys that were pressed before.
const (
	TypeAheadKeep  = TypeAhead(wit.TypeAheadKeep)
	TypeAheadFlush = TypeAhead(wit.TypeAheadFlush)
)

// GatherOptions says how keys are collected; what is left out is the default beside it.
type GatherOptions struct {
	Language          string        // BCP 47; the call's own
	MinDigits         int           // 1; None for 0
	MaxDigits         int           // the longest of Accept, else 64; None with Speech: no key is taken
	Terminators       *string       // Keys("#"), but Keys("") when MaxDigits is 1
	Accept            []string      // exact digits, x for 0-9, a last . for any more; everything
	BargeIn           BargeIn       // any key stops the prompt
	TypeAhead         TypeAhead     // keys pressed earlier count
	FirstDigitTimeout time.Duration // 5 s, from the end of the prompt
	InterDigitTimeout time.Duration // 3 s
	Attempts          int           // 3
	NoInput, NoMatch  Prompt        // heard before the prompt is repeated; nothing
	Speech            *Speech       // what the caller may say instead; keys alone
}

// Keys is for Terminators.
func Keys(keys string) *string { return &keys }

// GatheredKind is the class of a Gathered.
type GatheredKind uint8

// The classes of what a gather collects.
const (
	Digits   = GatheredKind(wit.GatherResultDigits)
	NoInput  = GatheredKind(wit.GatherResultNoInput)
	NoMatch  = GatheredKind(wit.GatherResultNoMatch)
	Spoken   = GatheredKind(wit.GatherResultSpeech)   // Said matches
	Misheard = GatheredKind(wit.GatherResultMisheard) // Said matches nothing, or is not sure enough
	Unheard  = GatheredKind(wit.GatherResultUnheard)  // the recognizer could not listen: ask for keys
)

// Gathered is what a gather collected.
type Gathered struct {
	Kind   GatheredKind
	Keys   string        // of NoMatch, Unheard: what was pressed in the last attempt; of NoInput: ""
	Said   Recognition   // of Spoken, Misheard
	Reason UnheardReason // of Unheard
	Why    string        // of Unheard: in words, for the log
}

// Gather plays a prompt and collects keys, or speech.
func (c *Call) Gather(prompt Prompt, options GatherOptions) (Gathered, error) {
	most := or(options.MaxDigits, longest(options.Accept))
	terminators := "#"
	if most == 1 {
		terminators = ""
	}
	if options.Terminators != nil {
		terminators = *options.Terminators
	}
	result, err := value(wit.Gather(wit.GatherOptions{
		Prompt:              prompt,
		Language:            optional(options.Language),
		MinDigits:           small(or(options.MinDigits, 1)),
		MaxDigits:           small(most),
		Terminators:         terminators,
		Accept:              options.Accept,
		BargeIn:             options.BargeIn,
		TypeAhead:           options.TypeAhead,
		FirstDigitTimeoutMs: milliseconds(or(options.FirstDigitTimeout, 5*time.Second)),
		InterDigitTimeoutMs: milliseconds(or(options.InterDigitTimeout, 3*time.Second)),
		Attempts:            small(or(options.Attempts, 3)),
		NoInputPrompt:       options.NoInput,
		NoMatchPrompt:       options.NoMatch,
		Speech:              options.Speech.contract(),
	}))
	if err != nil {
		return Gathered{}, err
	}
	gathered := Gathered{Kind: GatheredKind(result.Tag())}
	switch gathered.Kind {
	case Digits:
		gathered.Keys = result.Digits()
	case NoMatch:
		gathered.Keys = result.NoMatch()
	case Spoken:
		gathered.Said = recognition(result.Speech())
	case Misheard:
		gathered.Said = recognition(result.Misheard())
	case Unheard:
		why := result.Unheard()
		gathered.Keys, gathered.Reason, gathered.Why = why.Digits, why.Reason, why.Text
	}
	return gathered, nil
}

// or is the default for the zero value.
func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// small keeps what is out of range out of it, so that the server names it.
func small(number int) uint8 { return uint8(min(max(number, 0), 255)) }

// longest is the most digits that an entry can have.
func longest(accept []string) int {
	if len(accept) == 0 {
		return mostDigits
	}
	most := 1
	for _, entry := range accept {
		if strings.HasSuffix(entry, ".") {
			return mostDigits
		}
		most = max(most, len(entry))
	}
	return min(most, mostDigits)
}

// FlushDigits throws away the keys that were pressed and not yet collected.
func (c *Call) FlushDigits() error { return done(wit.FlushDigits()) }

// SendDigits sends digits to the other side; a comma is a pause of 500 ms.
func (c *Call) SendDigits(digits string) error { return done(wit.SendDigits(digits)) }

// RecordOptions says how a message is recorded; what is left out is the default beside it.
type RecordOptions struct {
	Language    string        // BCP 47; the call's own
	NoBeep      bool          // a tone before the recording
	MaxDuration time.Duration // 2 min
	Silence     time.Duration // 4 s end it; negative: silence never does
	Terminators *string       // Keys("#")
}

// RecordEnd says what ended a message.
type RecordEnd = wit.RecordEnd

// What ends a message.
const (
	EndedByTerminator  = RecordEnd(wit.RecordEndTerminator)
	EndedBySilence     = RecordEnd(wit.RecordEndSilence)
	EndedByMaxDuration = RecordEnd(wit.RecordEndMaxDuration)
	EndedByHungUp      = RecordEnd(wit.RecordEndHungUp)
	EndedByFailed      = RecordEnd(wit.RecordEndFailed)
)

// Message is what a caller left.
type Message struct {
	ID       string
	Duration time.Duration
	EndedBy  RecordEnd
}

// Record records what the caller says after the prompt.
func (c *Call) Record(prompt Prompt, options RecordOptions) (Message, error) {
	terminators := "#"
	if options.Terminators != nil {
		terminators = *options.Terminators
	}
	message, err := value(wit.Record(wit.RecordOptions{
		Prompt:        prompt,
		Language:      optional(options.Language),
		Beep:          !options.NoBeep,
		MaxDurationMs: milliseconds(or(options.MaxDuration, 2*time.Minute)),
		SilenceMs:     milliseconds(or(options.Silence, 4*time.Second)),
		Terminators:   terminators,
	}))
	if err != nil {
		return Message{}, err
	}
	duration := time.Duration(message.DurationMs) * time.Millisecond
	return Message{message.Id, duration, message.EndedBy}, nil
}

// StartRecording starts recording the call in stereo and returns the recording's id.
func (c *Call) StartRecording() (string, error) { return value(wit.StartRecording()) }

// PauseRecording pauses the recording of the call, for example while a card number is said.
func (c *Call) PauseRecording() error { return done(wit.PauseRecording()) }

// ResumeRecording goes on with the recording of the call.
func (c *Call) ResumeRecording() error { return done(wit.ResumeRecording()) }

// StopRecording ends the recording of the call before the call ends.
func (c *Call) StopRecording() error { return done(wit.StopRecording()) }

// Discard deletes a message or the recording of the call.
func (c *Call) Discard(id string) error { return done(wit.DiscardRecording(id)) }
