package flow

import (
	"time"

	wit "vireo/flow/internal/contract/vireo_flow_media"
	types "vireo/flow/internal/wit/types"
)

// Grammar is what may be said: Phrases, SpokenDigits, Number, YesNo, Date, Dictation.
type Grammar = wit.Grammar

// Phrase is something that the caller may say.
type Phrase struct {
	Text  string // the words
	Value string // what the flow gets for them; the text
}

// Phrases is one of these.
func Phrases(phrases ...Phrase) Grammar {
	list := make([]wit.Phrase, len(phrases))
	for i, phrase := range phrases {
		list[i] = wit.Phrase{Text: phrase.Text, Value: optional(phrase.Value)}
	}
	return wit.MakeGrammarPhrases(list)
}

// Words is one of these phrases; the flow gets it as it is written.
func Words(texts ...string) Grammar {
	phrases := make([]Phrase, len(texts))
	for i, text := range texts {
		phrases[i] = Phrase{Text: text}
	}
	return Phrases(phrases...)
}

// SpokenDigits is so many digits, one by one: "0421".
func SpokenDigits(least, most int) Grammar {
	return wit.MakeGrammarDigits(wit.DigitCount{Min: small(least), Max: small(most)})
}

// SpokenNumber is a number: "-12.5".
func SpokenNumber() Grammar { return wit.MakeGrammarNumber() }

// YesNo is "yes" or "no", in whatever words the language has for them.
func YesNo() Grammar { return wit.MakeGrammarYesNo() }

// SpokenDate is a day: "2026-11-22".
func SpokenDate() Grammar { return wit.MakeGrammarDate() }

// Dictation is anything, where the language's model can do that.
func Dictation() Grammar { return wit.MakeGrammarDictation() }

// Speech says what the caller may say in a gather; what is left out is the default beside it.
type Speech struct {
	Grammars      []Grammar     // 1 to 16
	Language      string        // BCP 47, what the caller speaks; the gather's
	MinConfidence float32       // 0.5; below, it is misheard
	Alternatives  int           // other readings told, at most; none
	EndOfSpeech   time.Duration // silence that ends it, 700 ms
	Longest       time.Duration // 10 s
	BargeIn       time.Duration // speech that stops the prompt, 300 ms; None for 0
}

func (s *Speech) contract() types.Option[wit.SpeechOptions] {
	if s == nil {
		return types.None[wit.SpeechOptions]()
	}
	return types.Some(wit.SpeechOptions{
		Grammars:       s.Grammars,
		Language:       optional(s.Language),
		MinConfidence:  or(s.MinConfidence, 0.5),
		Alternatives:   small(s.Alternatives),
		EndOfSpeechMs:  milliseconds(or(s.EndOfSpeech, 700*time.Millisecond)),
		LongestMs:      milliseconds(or(s.Longest, 10*time.Second)),
		BargeInMs:      milliseconds(max(or(s.BargeIn, 300*time.Millisecond), 0)),
	})
}

// Alternative is another reading of what was said.
type Alternative = wit.Alternative

// Recognition is what the caller said.
type Recognition struct {
	Value        string // as the grammar says; "" where none matches
	Text         string // the words that were understood
	Confidence   float32
	Grammar      int // which of the grammars it is, from 0
	Alternatives []Alternative
}

func recognition(said wit.Recognition) Recognition {
	return Recognition{said.Value, said.Text, said.Confidence, int(said.Grammar), said.Alternatives}
}

// UnheardReason says why the recognizer could not listen.
type UnheardReason = wit.UnheardReason

// Why a recognizer does not listen.
const (
	UnheardBusy    = UnheardReason(wit.UnheardReasonBusy)    // as many callers as the server can
	UnheardNoModel = UnheardReason(wit.UnheardReasonNoModel) // of the language, or a broken one
	UnheardFailed  = UnheardReason(wit.UnheardReasonFailed)  // in the middle, or too slow
)
