package main

import (
	"errors"

	"vireo/flow"
)

// allErrors tells errors apart, and reads their text.
func allErrors(call *flow.Call) error {
	report(call.Play(flow.File("missing")))
	report(flow.KV.Set("key", []byte("value")))
	report(call.Ring())
	_, err := call.Gather(flow.File("menu"), flow.GatherOptions{MaxDigits: 200})
	report(err)
	report(call.SendDigits("1"))
	return errors.New("the timetable is empty")
}

func report(err error) {
	var failure *flow.Error
	switch {
	case err == nil:
		flow.Infof("no error")
	case errors.As(err, &failure):
		flow.Infof("%s: %s", failure.Kind, failure.Text)
	}
}
