// A first flow: a menu, and a message.
package main

import "vireo/flow"

func init() { flow.Main(mainMenu) }

func main() {}

func mainMenu(call *flow.Call) error {
	if err := call.Answer(); err != nil {
		return err
	}
	if err := call.Play(flow.File("welcome")); err != nil {
		return err
	}
	choice, err := call.Gather(flow.File("menu"), flow.GatherOptions{
		Accept:  []string{"1", "2"},
		NoMatch: flow.File("sorry"),
	})
	if err != nil {
		return err
	}
	switch {
	case choice.Kind != flow.Digits:
		flow.Infof("%s chose nothing", call.Info().Caller)
	case choice.Keys == "1":
		err = call.Play(flow.File("opening-hours"))
	default:
		err = leaveMessage(call)
	}
	if err != nil {
		return err
	}
	return call.Play(flow.File("goodbye"))
}

func leaveMessage(call *flow.Call) error {
	message, err := call.Record(flow.File("leave-message"), flow.RecordOptions{})
	if err != nil {
		return err
	}
	flow.Infof("message %s of %s", message.ID, message.Duration)
	return call.Play(flow.File("you-said").Then(flow.Recording(message.ID)))
}
