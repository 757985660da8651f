package flow

import (
	"strconv"
	"time"

	wit "vireo/flow/internal/contract/vireo_flow_media"
	types "vireo/flow/internal/wit/types"
)

// Gender is that of the noun which a number goes with; the zero value is none.
type Gender uint8

// The genders.
const (
	NoGender Gender = iota
	Masculine
	Feminine
	Neuter
)

func (g Gender) contract() types.Option[wit.Gender] {
	if g == NoGender {
		return types.None[wit.Gender]()
	}
	return types.Some(wit.Gender(g - 1))
}

func said(value wit.SayAs) Prompt { return Prompt{wit.MakePartSay(value)} }

// SayNumber says a whole number in words.
func SayNumber(value int64) Prompt {
	return Number{Value: strconv.FormatInt(value, 10)}.Prompt()
}

// Number is a number that is said in words: whole or decimal, "-12.5".
type Number struct {
	Value  string
	Gender Gender // of the noun that is heard next
}

// Prompt makes the number one.
func (n Number) Prompt() Prompt {
	return said(wit.MakeSayAsNumber(wit.Number{Value: n.Value, Gender: n.Gender.contract()}))
}

// Ordinal is "third": 1 to 999.
type Ordinal struct {
	Value  int
	Gender Gender // of its noun
}

// Prompt makes the ordinal one.
func (o Ordinal) Prompt() Prompt {
	value := uint16(min(max(o.Value, 0), 1<<16-1))
	return said(wit.MakeSayAsOrdinal(wit.Ordinal{Value: value, Gender: o.Gender.contract()}))
}

// SayDigits says one digit after the other.
func SayDigits(digits string) Prompt { return said(wit.MakeSayAsDigits(digits)) }

// DateStyle says which parts of a date are said.
type DateStyle = wit.DateStyle

// The styles of dates.
const (
	DateFull            = DateStyle(wit.DateStyleFull) // day, month and year
	DateDayMonth        = DateStyle(wit.DateStyleDayMonth)
	DateWeekdayDayMonth = DateStyle(wit.DateStyleWeekdayDayMonth)
	DateWeekdayFull     = DateStyle(wit.DateStyleWeekdayFull) // weekday, day, month and year
)

// Date is a day that is said.
type Date struct {
	Year, Month, Day int // months and days from 1
	Style            DateStyle
}

// Prompt makes the date one.
func (d Date) Prompt() Prompt {
	return said(wit.MakeSayAsDate(wit.Date{
		Year:  uint16(min(max(d.Year, 0), 1<<16-1)),
		Month: small(d.Month),
		Day:   small(d.Day),
		Style: d.Style,
	}))
}

// Hours says how the hours of a time are counted.
type Hours = wit.Hours

// The ways to count hours.
const (
	HoursUsual      = Hours(wit.HoursUsual) // as the language does
	HoursTwentyFour = Hours(wit.HoursTwentyFour)
)

// TimeOfDay is a time that is said: 0:00 to 24:00.
type TimeOfDay struct {
	Hour, Minute int
	Hours        Hours
}

// Prompt makes the time one.
func (t TimeOfDay) Prompt() Prompt {
	return said(wit.MakeSayAsTime(wit.Time{Hour: small(t.Hour), Minute: small(t.Minute), Hours: t.Hours}))
}

// SayDuration says days, hours, minutes and seconds.
func SayDuration(length time.Duration) Prompt {
	seconds := length / time.Second
	return said(wit.MakeSayAsDuration(uint32(min(max(seconds, 0), 1<<32-1))))
}

// SayCurrency says an amount of money: "12.50", "EUR".
func SayCurrency(amount, code string) Prompt {
	return said(wit.MakeSayAsCurrency(wit.Amount{Value: amount, Currency: code}))
}

// SayTelephone says a telephone number, with pauses between its groups.
func SayTelephone(number string) Prompt { return said(wit.MakeSayAsTelephone(number)) }

// SayCharacters says letters, digits and `. @ - _ / + * #` one by one.
func SayCharacters(text string) Prompt { return said(wit.MakeSayAsCharacters(text)) }
