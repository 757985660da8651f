"""Trains the network: every epoch hears other utterances, each over a line of its own."""

import argparse
import multiprocessing
import os
import time

import numpy as np
import torch
from torch import nn

from channel import Noises, call, nobody, trim
from corpus import DEVELOPMENT_VARIANTS, HELD_OUT_FLITE, HELD_OUT_VARIANTS, Corpus
from features import SHIFT, WINDOW, mfcc
from languages import Language
from network import CONTEXT, SUBSAMPLING, Network

SILENCE_WEIGHT = 0.4
SMOOTHING = 0.05
FRAMES_OF_BATCH = 4500
IGNORED = -100
RATE = 4e-3
NOBODY = -1  # instead of an utterance's number: a line without speech
NOBODY_SHARE = 0.04
WARPS = np.linspace(0.88, 1.14, 14)

_corpus = None
_noises = None


def _heard(job):
    """One utterance over a random line: cepstra, and the phone in the middle of every third frame."""
    at, seed = job
    random = np.random.default_rng(seed)
    if at == NOBODY:
        cepstra = mfcc(nobody(random, _noises))
        return cepstra.astype(np.float16), np.zeros((len(cepstra) + 2) // SUBSAMPLING, np.int64)
    speech, cut = trim(_corpus.audio[at])
    samples, lead = call(speech, random, _noises)
    cepstra = mfcc(samples, float(random.choice(WARPS)) if random.random() < 0.6 else 1.0)
    centres = np.arange((len(cepstra) + 2) // SUBSAMPLING) * SUBSAMPLING * SHIFT + WINDOW // 2 - lead + cut
    labels = np.zeros(len(centres), np.int64)
    for start, end, phone in _corpus.segments[at]:
        labels[(centres >= start) & (centres < end)] = phone
    return cepstra.astype(np.float16), labels


def jobs(epoch, share):
    """What an epoch hears: a share of the corpus, another one each time."""
    chosen = np.random.default_rng(epoch).random(len(_corpus.audio)) < share
    heard = [(at, (epoch, at)) for at in np.nonzero(chosen)[0].tolist()]
    silent = [(NOBODY, (epoch, len(chosen) + at)) for at in range(int(NOBODY_SHARE * len(heard)))]
    return heard + silent


def batches(data, choose):
    """Numbers of utterances of about the same length."""
    order = np.argsort([len(cepstra) + choose.integers(30) for cepstra, _ in data])
    made, batch = [], []
    for at in order:
        if batch and (len(batch) + 1) * len(data[at][0]) > FRAMES_OF_BATCH:
            made.append(batch)
            batch = []
        batch.append(at)
    if batch:
        made.append(batch)
    choose.shuffle(made)
    return made


def collate(data, batch):
    """One array of cepstra, edges repeated, and one of labels."""
    outputs = max(len(data[at][1]) for at in batch)
    frames = SUBSAMPLING * (outputs - 1) + 1 + 2 * CONTEXT
    cepstra = np.zeros((len(batch), frames, data[batch[0]][0].shape[1]), np.float32)
    labels = np.full((len(batch), outputs), IGNORED, np.int64)
    for row, at in enumerate(batch):
        padded = np.pad(data[at][0].astype(np.float32), ((CONTEXT, frames), (0, 0)), mode="edge")
        cepstra[row] = padded[:frames]
        labels[row, : len(data[at][1])] = data[at][1]
    return torch.from_numpy(cepstra).transpose(1, 2).contiguous(), torch.from_numpy(labels)


def right(network, data, choose):
    """The share of speech frames whose phone is found."""
    network.eval()
    found = spoken = 0
    with torch.no_grad():
        for batch in batches(data, choose):
            cepstra, labels = collate(data, batch)
            speech = labels > 0
            found += (network(cepstra).argmax(1)[speech] == labels[speech]).sum().item()
            spoken += speech.sum().item()
    return found / spoken


def train(language, files, out, epochs, share, threads, workers):
    """Writes the network and the shares of its phones to `out`, after each epoch; goes on where a run that was stopped
    had written it."""
    global _corpus, _noises
    torch.manual_seed(1)
    torch.set_num_threads(threads)
    choose = np.random.default_rng(1)
    began = time.time()
    _corpus = Corpus.load(files).without({*HELD_OUT_VARIANTS, *DEVELOPMENT_VARIANTS, HELD_OUT_FLITE})
    print(f"{len(_corpus.audio)} utterances, {sum(map(len, _corpus.audio)) / 8000 / 3600:.1f} h", flush=True)
    _noises = Noises(choose, _corpus.audio)
    network, first = Network(len(language.phones)), 0
    if os.path.exists(out):
        written = torch.load(out)
        network.load_state_dict(written["network"])
        first = written["epochs"]
    weights = torch.ones(len(language.phones) + 1)
    weights[0] = SILENCE_WEIGHT
    loss_of = nn.CrossEntropyLoss(weight=weights, ignore_index=IGNORED, label_smoothing=SMOOTHING)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-3)
    with multiprocessing.Pool(workers) as pool:
        coming = pool.map_async(_heard, jobs(first, share), chunksize=64)
        for epoch in range(first, epochs):
            data = coming.get()
            if epoch + 1 < epochs:
                coming = pool.map_async(_heard, jobs(epoch + 1, share), chunksize=64)
            kept, held = [d for i, d in enumerate(data) if i % 50], data[::50]
            if epoch == 0:
                frames = np.concatenate([cepstra for cepstra, _ in kept[::7]]).astype(np.float64)
                network.mean[:] = torch.tensor(frames.mean(0))
                network.deviation[:] = torch.tensor(frames.std(0))
            order = batches(kept, choose)
            network.train()
            total = 0.0
            for step, batch in enumerate(order):
                done = (epoch + step / len(order)) / epochs
                warm = min(1.0, ((epoch - first) * len(order) + step + 1) / 200)
                for group in optimizer.param_groups:
                    group["lr"] = RATE * warm * (0.5 * (1 + np.cos(np.pi * done)) + 0.01)
                cepstra, labels = collate(kept, batch)
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    guessed = network(cepstra)
                loss = loss_of(guessed, labels)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                optimizer.step()
                total += loss.item()
            counts = np.bincount(np.concatenate([labels for _, labels in kept]), minlength=len(language.phones) + 1)
            counts = counts * weights.numpy()  # what the network was made to believe
            prior = (counts / counts.sum()).tolist()
            torch.save({"network": network.state_dict(), "prior": prior, "epochs": epoch + 1}, out)
            print(
                f"epoch {epoch + 1}/{epochs}: loss {total / len(order):.3f}, "
                f"speech frames right {right(network, held, choose):.3f}, {time.time() - began:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("language")
    arguments.add_argument("out")
    arguments.add_argument("files", nargs="+")
    arguments.add_argument("--epochs", type=int, default=8)
    arguments.add_argument("--share", type=float, default=0.5, help="of the corpus that an epoch hears")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--workers", type=int, default=1, help="processes that make telephone lines")
    given = arguments.parse_args()
    train(Language.load(given.language), given.files, given.out, given.epochs, given.share, given.threads, given.workers)
