// The flows of the suite in Go; the other languages say the same.
package main

import (
	"errors"
	"strconv"
	"time"

	"vireo/flow"
)

func init() { flow.Main(run) }

func main() {}

func run(call *flow.Call) error {
	flows := map[string]func(*flow.Call) error{"demo": demo, "errors": allErrors, "everything": everything, "bench": bench}
	chosen := flows[call.Info().Parameters["flow"]]
	if chosen == nil {
		return errors.New("no such flow")
	}
	return chosen(call)
}

// bench makes so many host calls of one kind, for the measurements.
func bench(call *flow.Call) error {
	verb, _ := flow.Setting("verb")
	text, _ := flow.Setting("times")
	times, err := strconv.Atoi(text)
	for ; times > 0 && err == nil; times-- {
		switch verb {
		case "now":
			flow.Now()
		case "play":
			err = call.Play(flow.File("welcome"))
		case "gather":
			_, err = call.Gather(flow.File("menu"), flow.GatherOptions{Accept: []string{"1", "2"}})
		default:
			_, err = call.Wait(time.Minute)
		}
	}
	return err
}
