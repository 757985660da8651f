"""Writes a model's card from the report of `evaluate.py`."""

import argparse
import json
from pathlib import Path

from corpus import DEVELOPMENT_VARIANTS, HELD_OUT_FLITE, HELD_OUT_VARIANTS, TRAINING_FLITE, training_variants
from evaluate import LEAST, OUTSIDE, accepted, calibration_error, rejected
from export import DIALS
from languages import Language

NAMES = {"en": "English", "zh": "Mandarin"}
CONDITIONS = {"clean": "no noise", "15db": "15 dB", "10db": "10 dB"}


def percent(share):
    """One digit after the point."""
    return f"{100 * share:.1f} %"


def conditions(report, points):
    """A row for each condition."""
    rows = [
        f"| | single words | from confidence {LEAST} | strings of four digits | words of strings wrong | outside: rejected | "
        "strangers: rejected |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, figures in report["conditions"].items():
        cells = [
            f"{percent(figures['accuracy'])} of {figures['count']}",
            percent(accepted(figures, points, LEAST)),
            percent(figures["digit_strings_exact"]),
            percent(figures["digit_word_error_rate"]),
            *(f"{percent(rejected(figures, points, LEAST, kind))} of {figures[f'{kind}_count']}" for kind in OUTSIDE),
        ]
        rows.append(f"| {CONDITIONS[name]} | " + " | ".join(cells) + " |")
    return rows


def words(report):
    """A row for each word, with what it was taken for."""
    rows = ["| word | " + " | ".join(CONDITIONS.values()) + " | taken for |", "| --- | --- | --- | --- | --- |"]
    for word in report["grammar"]:
        cells, instead = [], {}
        for figures in report["conditions"].values():
            said = [(heard, n) for wanted, heard, n in figures["confusion"] if wanted == word]
            cells.append(percent(sum(n for heard, n in said if heard == word) / sum(n for _, n in said)))
            for heard, n in said:
                if heard != word:
                    instead[heard] = instead.get(heard, 0) + n
        taken = ", ".join(f"{heard} {n}" for heard, n in sorted(instead.items(), key=lambda entry: -entry[1])[:5])
        rows.append(f"| {word} | " + " | ".join(cells) + f" | {taken} |")
    return rows


def voices(report):
    """A row for each voice."""
    rows = ["| voice | " + " | ".join(CONDITIONS.values()) + " |", "| --- | --- | --- | --- |"]
    conditions_ = list(report["conditions"].values())
    for voice in sorted(conditions_[0]["voices"]):
        rows.append(f"| {voice} | " + " | ".join(percent(figures["voices"][voice]) for figures in conditions_) + " |")
    return rows


def trained_on(language, utterances):
    """A sentence."""
    flite = f" and {len(set(TRAINING_FLITE))} of flite ({', '.join(sorted(set(TRAINING_FLITE)))})" if language.name == "en" else ""
    return (
        f"{utterances} utterances of synthesized speech: espeak-ng's voices {', '.join(sorted(set(language.espeak_voices)))} "
        f"in {len(training_variants())} variants{flite}, at random rates and pitches, over random telephone lines (band, "
        "echo, level, five kinds of noise at 5 dB and more, lost packets, G.711). The labels are the synthesizers' own timing; "
        "that of phones in espeak-ng's words is the network's after its first epochs."
    )


def card(language, model, report, points, utterances, runs):
    """The text."""
    sizes = {file: (model / file).stat().st_size for file in ("am/final.mdl", "graph/HCLr.fst")}
    total = sum(file.stat().st_size for file in model.rglob("*") if file.is_file() and file.name != "MODEL.md")
    grammar = " ".join(report["grammar"])
    cpu = max(figures["cpu_per_stream"] for figures in report["conditions"].values())
    held = f"flite's {HELD_OUT_FLITE} (half of the speech) and " if language.name == "en" else ""
    return "\n".join(
        [
            f"# {NAMES[language.name]}, 8 kHz",
            "",
            "**Human speech was never heard by this model.** It was trained and measured on synthesizers. Expect far worse",
            "of callers; it is for demonstrations, tests and first steps. For production, set the directory of a real Vosk model",
            "in the same place of the configuration.",
            "",
            f"* Knows {len(language.words)} words (`graph/words.txt`), any grammar of them. {len(language.phones)} phones.",
            f"* Trained on: {trained_on(language, utterances)}",
            f"* Made by: {runs or f'`/usr/bin/python3 media/speech/model/build.py {language.name} OUT --library libvosk.so`'}",
            f"* Size: {total} bytes, of them {sizes['am/final.mdl']} network, {sizes['graph/HCLr.fst']} words.",
            f"* Dials, chosen on {len(DEVELOPMENT_VARIANTS)} voices that are in neither set: `{DIALS[language.name]}`",
            "* Licence: Apache-2.0, as the rest of Vireo; no data of others is in it.",
            "",
            "## Accuracy",
            "",
            f"Measured on {held}{len(HELD_OUT_VARIANTS)} variants of espeak-ng, none of them in the training, through G.711 at",
            "-23 dBFS; noise is white, pink or a crowd. The grammar of single words:",
            f"{grammar}. Digit strings: a grammar of any digits. \"Outside\" are words of other grammars, \"strangers\" words",
            f"that the model never heard; they are rejected if there is no answer, or one with a confidence below {LEAST}.",
            "",
            *conditions(report, points),
            "",
            f"A stream takes {100 * cpu:.1f} % of one core.",
            "",
            *words(report),
            "",
            *voices(report),
            "",
            "## Confidence",
            "",
            "`vireo.json` maps libvosk's confidence to the chance that the answer is right, fitted on the development voices, of",
            "which half said words that are not in the grammar. On the voices above it is off by "
            f"{calibration_error(report, points):.3f} on the average.",
            "",
        ]
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("language")
    arguments.add_argument("model", type=Path)
    arguments.add_argument("report", type=Path)
    arguments.add_argument("--utterances", type=int, required=True, help="of the training")
    arguments.add_argument("--runs", help="how it was made, if not by build.py at once")
    given = arguments.parse_args()
    points = json.loads((given.model / "vireo.json").read_text())["confidence"]
    report = json.loads(given.report.read_text())
    text = card(Language.load(given.language), given.model, report, points, given.utterances, given.runs)
    (given.model / "MODEL.md").write_text(text)


if __name__ == "__main__":
    main()
