package main

import (
	"fmt"
	"strings"
	"time"

	"vireo/flow"
)

// everything calls every function of the contract.
func everything(call *flow.Call) error {
	for _, part := range []func(*flow.Call) error{theCall, prompts, keys, speech, recordings, store, services} {
		if err := part(call); err != nil {
			return err
		}
	}
	call.Hangup()
	return call.Reject(flow.Congested)
}

// first is the first error of several verbs, all of which are tried.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func orAbsent(text string, there bool) string {
	if !there {
		return "absent"
	}
	return text
}

func theCall(call *flow.Call) error {
	about := call.Info()
	flow.Infof("%s %s %s", about.CallID, about.Flow, about.Version)
	flow.Infof("%s %s %s", about.Trunk, about.Route, about.Language)
	flow.Infof("%s %s", about.Caller, about.Called)
	name := "no name"
	if about.CallerName != nil {
		name = *about.CallerName
	}
	flow.Infof("%s", name)
	flow.Infof("%s", strings.Join(about.DivertedBy, " "))
	flow.Infof("%d", about.StartedAt.UnixMilli())
	for _, parameter := range []string{"empty", "absent"} {
		text, there := about.Parameters[parameter]
		flow.Infof("[%s]", orAbsent(text, there))
	}
	flow.Infof("%s", strings.Join(call.Header("X-Colour"), " "))
	if err := first(call.Ring(), call.EarlyMedia(), call.Answer()); err != nil {
		return err
	}
	names := [...]string{"key", "playing finished", "held", "resumed", "timeout"}
	for range 5 {
		event, err := call.Wait(1500 * time.Millisecond)
		if err != nil {
			return err
		}
		if event.Kind == flow.Key {
			flow.Infof("key %c", event.Key)
		} else {
			flow.Infof("%s", names[event.Kind])
		}
	}
	return nil
}

func prompts(call *flow.Call) error {
	recording, err := call.StartRecording()
	if err != nil {
		return err
	}
	prompt := flow.File("menu/welcome").Then(
		flow.Recording(recording),
		flow.Silence(300*time.Millisecond),
		flow.Tone{Frequency: 440, Duration: 200 * time.Millisecond}.Prompt(),
		flow.Tone{Frequency: 350, Second: 440, Duration: time.Second, Level: -20}.Prompt(),
		flow.Beep(),
	)
	key, err := call.PlayWith(prompt, flow.PlayOptions{Language: "zh-CN", InterruptKeys: flow.AnyKey})
	if err != nil {
		return err
	}
	if key == 0 {
		flow.Infof("finished")
	} else {
		flow.Infof("interrupted by %c", key)
	}
	return first(
		call.Play(flow.File("goodbye").Then(flow.Text("<speak>Grüße, <break/>世界.</speak>"))),
		call.Play(values()),
		call.StartPlaying(flow.File("a", "b")),
		call.RepeatPlaying(flow.File("music")),
		call.StopPlaying(),
	)
}

func values() flow.Prompt {
	return flow.Number{Value: "-21", Gender: flow.Feminine}.Prompt().Then(
		flow.Number{Value: "3.50"}.Prompt(),
		flow.Ordinal{Value: 3, Gender: flow.Neuter}.Prompt(),
		flow.SayDigits("407*"),
		flow.Date{Year: 2024, Month: 2, Day: 29}.Prompt(),
		flow.Date{Year: 2026, Month: 11, Day: 22, Style: flow.DateWeekdayDayMonth}.Prompt(),
		flow.TimeOfDay{Hour: 14, Minute: 5}.Prompt(),
		flow.TimeOfDay{Hour: 24, Hours: flow.HoursTwentyFour}.Prompt(),
		flow.SayDuration(3_661_500*time.Millisecond),
		flow.SayCurrency("12.50", "EUR"),
		flow.SayTelephone("+49 30 123"),
		flow.SayCharacters("aé-1"),
	)
}

func keys(call *flow.Call) error {
	silence := flow.Silence(20 * time.Millisecond)
	prompts := []flow.Prompt{flow.File("a").Then(silence), nil, flow.File("menu")}
	options := []flow.GatherOptions{
		{
			Language:          "de",
			MinDigits:         flow.None,
			MaxDigits:         12,
			Terminators:       flow.Keys("*#"),
			Accept:            []string{"1", "9xxx", "00."},
			BargeIn:           flow.BargeInDeaf,
			TypeAhead:         flow.TypeAheadFlush,
			FirstDigitTimeout: 8 * time.Second,
			InterDigitTimeout: 1500 * time.Millisecond,
			Attempts:          2,
			NoInput:           flow.File("b", "c"),
			NoMatch:           flow.File("d"),
		},
		{BargeIn: flow.BargeInOff},
		{Accept: []string{"1", "9xxx"}},
	}
	for i, prompt := range prompts {
		gathered, err := call.Gather(prompt, options[i])
		if err != nil {
			return err
		}
		switch gathered.Kind {
		case flow.Digits:
			flow.Infof("digits [%s]", gathered.Keys)
		case flow.NoInput:
			flow.Infof("no input")
		case flow.NoMatch:
			flow.Infof("no match [%s]", gathered.Keys)
		}
	}
	return first(call.FlushDigits(), call.SendDigits("12,#"))
}

func speech(call *flow.Call) error {
	everything := flow.Speech{
		Grammars: []flow.Grammar{
			flow.Phrases(flow.Phrase{Text: "sales"}, flow.Phrase{Text: "客服", Value: "service"}),
			flow.SpokenDigits(2, 4),
			flow.SpokenNumber(),
			flow.YesNo(),
			flow.SpokenDate(),
			flow.Dictation(),
		},
		Language:      "zh-CN",
		MinConfidence: 0.25,
		Alternatives:  2,
		EndOfSpeech:   900 * time.Millisecond,
		Longest:       20 * time.Second,
		BargeIn:       flow.None,
	}
	yesNo := flow.Speech{Grammars: []flow.Grammar{flow.YesNo()}}
	prompts := []string{"ask", "sure", "menu"}
	options := []flow.GatherOptions{
		{Attempts: 1, Speech: &everything},
		{Speech: &yesNo},
		{Accept: []string{"1"}, Speech: &yesNo},
	}
	for i, prompt := range prompts {
		gathered, err := call.Gather(flow.File(prompt), options[i])
		if err != nil {
			return err
		}
		switch gathered.Kind {
		case flow.Spoken:
			flow.Infof("said %s", told(gathered.Said))
		case flow.Misheard:
			flow.Infof("misheard %s", told(gathered.Said))
		case flow.Unheard:
			reason := map[flow.UnheardReason]string{
				flow.UnheardBusy:    "busy",
				flow.UnheardNoModel: "no model",
				flow.UnheardFailed:  "failed",
			}[gathered.Reason]
			flow.Infof("unheard, %s: %s [%s]", reason, gathered.Why, gathered.Keys)
		}
	}
	return nil
}

func told(said flow.Recognition) string {
	text := fmt.Sprintf("[%s] [%s] %v %d", said.Value, said.Text, said.Confidence*100, said.Grammar)
	for _, other := range said.Alternatives {
		text += fmt.Sprintf(", [%s] [%s] %v", other.Value, other.Text, other.Confidence*100)
	}
	return text
}

func recordings(call *flow.Call) error {
	message, err := call.Record(flow.File("speak"), flow.RecordOptions{
		Language:    "fr",
		NoBeep:      true,
		MaxDuration: 30 * time.Second,
		Silence:     -1,
		Terminators: flow.Keys("0123456789*#"),
	})
	if err != nil {
		return err
	}
	ends := [...]string{"terminator", "silence", "max duration", "hung up", "failed"}
	flow.Infof("%s %d %s", message.ID, message.Duration.Milliseconds(), ends[message.EndedBy])
	if _, err := call.Record(flow.File("again"), flow.RecordOptions{}); err != nil {
		return err
	}
	return first(
		call.PauseRecording(),
		call.ResumeRecording(),
		call.StopRecording(),
		call.Discard(message.ID),
	)
}

func store(*flow.Call) error {
	value, err := flow.KV.Get("bytes")
	if err != nil {
		return err
	}
	flow.Infof("%d bytes, the first %d", len(value), value[0])
	absent, err := flow.KV.Get("absent")
	if err != nil {
		return err
	}
	flow.Infof("%s", orAbsent("there", absent != nil))
	err = first(
		flow.KV.Set("bytes", []byte{0, 255, 10}),
		flow.KV.Set("text", []byte("grün")),
		flow.KV.Set("empty", nil),
		flow.KV.Delete("text"),
	)
	if err != nil {
		return err
	}
	count, err := flow.KV.Increment("count", -5)
	flow.Infof("%d", count)
	for _, swap := range [][2][]byte{{nil, []byte("a")}, {[]byte("a"), nil}} {
		swapped, swapErr := flow.KV.CompareAndSwap("k", swap[0], swap[1])
		flow.Infof("%t", swapped)
		err = first(err, swapErr)
	}
	found, keysErr := flow.KV.Keys("p/", 10)
	flow.Infof("%s", strings.Join(found, " "))
	return first(err, keysErr)
}

func services(*flow.Call) error {
	for _, name := range []string{"colour", "absent"} {
		text, there := flow.Setting(name)
		flow.Infof("%s", orAbsent(text, there))
	}
	pin, err := flow.Secret("pin")
	if err != nil {
		return err
	}
	flow.Infof("%d", len(pin))
	flow.Debugf("ä %q", "quoted")
	flow.Warnf("电话")
	flow.Errorf("")

	flow.Infof("%d", flow.Now().UnixMilli())
	for _, zone := range []string{"", "Asia/Shanghai"} {
		now, err := flow.Local(zone)
		if err != nil {
			return err
		}
		offset := int(now.UTCOffset.Seconds())
		flow.Infof("%d %d %d %d %d %d %d %d", now.Year, now.Month, now.Day, now.Weekday,
			now.Hour, now.Minute, now.Second, offset)
	}
	flow.Infof("%d", flow.Random())

	response, err := flow.Request{
		Method:  "POST",
		URL:     "http://api.example.com/x",
		Headers: []flow.Header{{Name: "content-type", Value: "application/json"}, {Name: "x-empty"}},
		Body:    []byte(`{"a":1}`),
		Timeout: 2500 * time.Millisecond,
	}.Send()
	if err != nil {
		return err
	}
	flow.Infof("%d %s %s", response.Status, response.Header("server"), response.Body)
	response, err = flow.Request{URL: "http://api.example.com/"}.Send()
	if err != nil {
		return err
	}
	flow.Infof("%d", response.Status)
	return nil
}
