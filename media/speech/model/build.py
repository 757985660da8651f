#!/usr/bin/python3
"""Makes a model from nothing: speech, training, the model's directory, its figures.

    /usr/bin/python3 media/speech/model/build.py en target/model/en --library target/vosk/libvosk.so

Needs Debian's espeak-ng, libespeak-ng1, flite, libflite1, libfst-tools, python3-torch, python3-numpy and
python3-scipy; no data set and no trained weights. Takes some 40 minutes of one core for English.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# Utterances of a process. espeak-ng crashes on some texts and variants: that costs the piece, and the
# next seed makes another.
PIECE = 500
PIECES = {"en": {"espeak": 48, "flite": 24}, "zh": {"espeak": 24}}
# Before the borders of espeak-ng's phones are moved to where the network hears them, and in all.
EPOCHS = {"en": (4, 10), "zh": (3, 8)}


def run(script, *arguments, check=True):
    """One of this directory's programs, on one core."""
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    command = [sys.executable, HERE / script, *map(str, arguments)]
    return subprocess.run(command, env=environment, check=check).returncode == 0


def speech(language, work):
    """The files of the corpus; those that are there already are kept."""
    files = []
    for first, (kind, count) in enumerate(PIECES[language].items(), 1):
        seed = first * 1000
        while sum(f"-{kind}-" in file.name for file in files) < count:
            seed += 1
            file = work / f"{language}-{kind}-{seed}.npz"
            if file.exists() or run("corpus.py", kind, language, PIECE, seed, file, check=False):
                files.append(file)
            elif seed > first * 1000 + 2 * count:
                sys.exit(f"{kind} fails too often; see above")
    return files


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("language", choices=PIECES)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--library", type=Path, required=True, help="libvosk.so, to measure the model")
    arguments.add_argument("--work", type=Path, default=Path("target/model/work"))
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    given = arguments.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    files = speech(given.language, given.work)
    checkpoint, report = given.work / f"{given.language}.pt", given.work / f"{given.language}.json"
    first, epochs = EPOCHS[given.language]
    threads = ["--threads", given.threads, "--workers", given.threads]
    run("train.py", given.language, checkpoint, *files, "--epochs", first, *threads)
    run("align.py", given.language, checkpoint, *(file for file in files if "-espeak-" in file.name))
    moved = [file.with_name(f"{file.stem}-aligned.npz") if "-espeak-" in file.name else file for file in files]
    run("train.py", given.language, checkpoint, *moved, "--epochs", epochs, *threads)
    run("export.py", given.language, checkpoint, given.out)
    run("calibrate.py", given.language, given.out, "--library", given.library)
    run("evaluate.py", given.language, given.out, "--library", given.library, "--json", report)
    run("card.py", given.language, given.out, report, "--utterances", PIECE * len(files))


if __name__ == "__main__":
    main()
