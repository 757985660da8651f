package main

import (
	"time"

	"vireo/flow"
)

// An information line: opening hours, a balance, a message for the office.
func demo(call *flow.Call) error {
	if err := call.Answer(); err != nil {
		return err
	}
	recording, err := call.StartRecording()
	if err != nil {
		return err
	}
	number, err := flow.KV.Increment("calls", 1)
	if err != nil {
		return err
	}
	flow.Infof("call %d from %s, recorded as %s", number, call.Info().Caller, recording)
	office, set := flow.Setting("office")
	if !set {
		office = "the office"
	}
	flow.Infof("this is %s", office)

	if err := call.Play(flow.File("demo/welcome")); err != nil {
		return err
	}
	for again := true; again; {
		if again, err = mainMenu(call); err != nil {
			return err
		}
	}
	return call.Play(flow.File("demo/goodbye"))
}

// mainMenu says whether the menu is to be heard again.
func mainMenu(call *flow.Call) (bool, error) {
	choice, err := choose(call, "demo/menu", "1", "2", "3", "0")
	if err != nil || choice == "" {
		return false, err
	}
	if err := flow.KV.Set("last-choice", []byte(choice)); err != nil {
		return false, err
	}
	switch choice {
	case "1":
		return true, call.Play(flow.File("demo/opening-hours"))
	case "2":
		return true, balance(call)
	case "3":
		return false, leaveMessage(call)
	default:
		return true, call.Play(flow.File("demo/operator"))
	}
}

func balance(call *flow.Call) error {
	entered, err := call.Gather(flow.File("demo/enter-number"), flow.GatherOptions{
		MinDigits:         4,
		MaxDigits:         8,
		FirstDigitTimeout: 6 * time.Second,
		Attempts:          2,
		NoMatch:           flow.File("demo/no-match"),
	})
	if err != nil || entered.Kind != flow.Digits {
		return err
	}
	amount, err := flow.KV.Get("balance/" + entered.Keys)
	if err != nil {
		return err
	}
	if amount == nil {
		return call.Play(flow.File("demo/no-such-number"))
	}
	return call.Play(flow.File("demo/balance").Then(flow.Number{Value: string(amount)}.Prompt()))
}

func leaveMessage(call *flow.Call) error {
	for {
		message, err := call.Record(flow.File("demo/leave-message"), flow.RecordOptions{
			MaxDuration: time.Minute,
			Silence:     3 * time.Second,
		})
		if err != nil {
			return err
		}
		flow.Infof("message %s of %d ms", message.ID, message.Duration.Milliseconds())
		kept, err := keep(call, message.ID)
		if err != nil {
			return err
		}
		if kept {
			break
		}
		if err := call.Discard(message.ID); err != nil {
			return err
		}
	}
	if _, err := flow.KV.Increment("messages", 1); err != nil {
		return err
	}
	return call.Play(flow.File("demo/message-kept"))
}

// keep says whether the caller is content with the message. One who says nothing about it is.
func keep(call *flow.Call, message string) (bool, error) {
	for {
		choice, err := choose(call, "demo/keep-message", "1", "2", "3")
		if err != nil || choice != "2" {
			return choice != "3", err
		}
		if err := call.Play(flow.File("demo/you-said").Then(flow.Recording(message))); err != nil {
			return false, err
		}
	}
}

// choose asks three times at most; "" when the caller chose nothing that is on the menu.
func choose(call *flow.Call, menu string, keys ...string) (string, error) {
	gathered, err := call.Gather(flow.File(menu), flow.GatherOptions{
		Accept:  keys,
		NoInput: flow.File("demo/no-input"),
		NoMatch: flow.File("demo/no-match"),
	})
	switch {
	case err != nil:
		return "", err
	case gathered.Kind == flow.NoMatch:
		flow.Infof("%s: %s is not on the menu", menu, gathered.Keys)
		return "", nil
	default:
		return gathered.Keys, nil
	}
}
