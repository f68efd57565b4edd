"""Trains the text encoder and the decoder on freshly composed pieces.

Scheduled by wall-clock (`--minutes`, spent over any number of restarts) or, on a GPU, by `--steps`; checkpoints every
90 seconds; the same command resumes. The batches are a function of (seed, step), the number of steps that fit is not.
"""

import argparse
import json
import math
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

import tokens as tk
from batches import Batch, caption_batch, make_batch
from composer import ATTRIBUTES
from decoder import Model, delay
from text_encoder import AttributeHeads
from tokenizer import Tokenizer, build_vocabulary

LEARNING_RATE, ENCODER_RATE = 1.5e-3, 3e-3
TEXT_DROPOUT = 0.15
AUXILIARY = 0.05
CHECKPOINT_SECONDS = 90
FRAMES_PER_BATCH = 2100
SHORT = 48  # frames; what the text decides lies in a clip's first frames, so short clips bind text to music
SHORT_SHARE = 0.25
# until this share of the time: clips of so many frames
STAGES = ((0.15, 48), (0.42, 160), (0.76, 320), (1.01, 750))
FIRST_FRAMES, FIRST_WEIGHT = (
    8,
    6.0,
)  # a clip's first frames weigh more: tempo, key, kit and instruments are decided there
MAX_OFFSET = 1300  # random position offsets, in half of the clips
AGREEMENT = 0.02  # weight of the pull between guided and unguided predictions
AGREEMENT_SHARE, AGREEMENT_AFTER = 0.35, 0.55  # of the longer clips, once this share of the time is over
AGREEMENT_FROM = 60  # columns: by then the tokens tell what the text asked for


@dataclass
class Clip:
    rows: int
    frames: int


def clip_size(progress: float, rng: random.Random) -> Clip:
    frames = next(length for until, length in STAGES if progress < until)
    if rng.random() < SHORT_SHARE:
        frames = SHORT
    return Clip(max(3, FRAMES_PER_BATCH // frames), frames)


def losses(model: Model, heads: AttributeHeads, batch: Batch, offset, first_weight: float) -> dict:
    """Cross entropy per codebook (nats a token), attribute losses, accuracies, and the pieces other terms need."""
    states = model.text(batch.ids, batch.mask)
    inputs, targets = delay(batch.codes)
    hidden, _ = model.decoder(inputs, states, batch.mask, offset)
    entropies, accuracies = [], []
    for k, logits in enumerate(model.decoder.logits(hidden, inputs)):
        target = targets[:, k].reshape(-1)
        used = target != tk.PAD
        entropy = F.cross_entropy(
            logits.flatten(0, 1), target.masked_fill(~used, -100), reduction="none", ignore_index=-100
        )
        weight = torch.ones_like(targets[:, k], dtype=torch.float32)
        weight[:, : k + FIRST_FRAMES] = first_weight
        weight = weight.reshape(-1) * used
        entropies.append((entropy * weight).sum() / weight.sum())
        accuracies.append(((logits.detach().flatten(0, 1).argmax(-1) == target) & used).sum() / used.sum())
    return {
        "entropies": entropies,
        "accuracies": accuracies,
        "attributes": heads.losses(states, batch.mask, batch.attributes),
        "hidden": hidden,
    }


def agreement(model: Model, hidden: torch.Tensor, pairs: int) -> torch.Tensor:
    """Mean squared distance of factor scores between the first `pairs` rows and the next, which lack the text.

    Guidance multiplies what the two disagree about. Once the music tells tempo, key and band, they should agree:
    then even a guidance of 10 leaves the clock alone.
    """
    late = hidden[:, AGREEMENT_FROM:]
    scores = model.decoder.factor_logits(late)
    return sum((part[:pairs] - part[pairs : 2 * pairs]).pow(2).mean() for part in scores)


def pair_up(batch: Batch) -> Batch:
    """The same clips twice, the second time without their text."""
    return Batch(
        torch.cat([batch.codes, batch.codes]), torch.cat([batch.ids, batch.ids]), torch.cat([batch.mask, batch.mask * 0]),
        torch.cat([batch.attributes, batch.attributes]),
    )  # fmt: skip


class Run:
    """A training run and what survives a restart."""

    def __init__(self, options: argparse.Namespace):
        self.options, self.folder = options, Path(options.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        vocabulary_file = self.folder / "vocabulary.json"
        if not vocabulary_file.exists():
            vocabulary_file.write_text(json.dumps(build_vocabulary()))
        self.vocabulary = json.loads(vocabulary_file.read_text())
        self.tokenizer = Tokenizer(self.vocabulary)
        torch.manual_seed(options.seed)
        self.model, self.heads = Model(self.vocabulary).to(self.device), AttributeHeads().to(self.device)
        parameters = [*self.model.parameters(), *self.heads.parameters()]
        groups = [
            {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": 0.01},
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(0.9, 0.98))
        self.step, self.spent, self.frames, self.encoder_done = 0, 0.0, 0, False
        self.log_file = open(self.folder / "log.jsonl", "a")

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def resume(self) -> None:
        if not self.checkpoint.exists():
            return
        saved = torch.load(self.checkpoint, map_location=self.device)
        self.model.load_state_dict(saved["model"], strict=False)  # the factor matrices are not saved
        self.heads.load_state_dict(saved["heads"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.spent, self.frames, self.encoder_done = saved["step"], saved["spent"], saved["frames"], True

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(), "heads": self.heads.state_dict(), "optimizer": self.optimizer.state_dict(),
            "step": self.step, "spent": self.spent, "frames": self.frames, "vocabulary": self.vocabulary,
        }  # fmt: skip
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint)

    def log(self, **fields) -> None:
        fields = {key: round(value, 4) if isinstance(value, float) else value for key, value in fields.items()}
        self.log_file.write(json.dumps(fields) + "\n")
        self.log_file.flush()
        print(json.dumps(fields), flush=True)

    def progress(self) -> float:
        if self.options.steps:
            return self.step / self.options.steps
        return self.spent / (60 * self.options.minutes)

    # ------------------------------------------------------------ text encoder alone
    def train_encoder(self) -> None:
        """A few minutes of captions -> attributes, so that the decoder meets an encoder that already reads."""
        parameters = [*self.model.text.parameters(), *self.heads.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=ENCODER_RATE, betas=(0.9, 0.98))
        started, seconds, step = time.time(), 60 * self.options.encoder_minutes, 0
        while time.time() - started < seconds and step < self.options.encoder_steps:
            share = max((time.time() - started) / seconds, step / self.options.encoder_steps)
            for group in optimizer.param_groups:
                group["lr"] = ENCODER_RATE * min(1, (step + 1) / 30) * (1 - 0.9 * share)
            rng = random.Random(f"{self.options.seed} captions {step}")
            ids, mask, attributes = (tensor.to(self.device) for tensor in caption_batch(rng, self.tokenizer, 176))
            parts = self.heads.losses(self.model.text(ids, mask), mask, attributes)
            optimizer.zero_grad()
            sum(parts).backward()
            optimizer.step()
            step += 1
            if step % 50 == 0:
                self.log(
                    kind="encoder",
                    step=step,
                    seconds=time.time() - started,
                    **{n: p.item() for n, p in zip(ATTRIBUTES, parts)},
                )
        self.encoder_done = True

    # ------------------------------------------------------------ everything
    def train_step(self) -> dict:
        rng = random.Random(f"{self.options.seed} {self.step}")
        progress = self.progress()
        clip = clip_size(progress, rng)
        paired = clip.frames > SHORT and progress > AGREEMENT_AFTER and rng.random() < AGREEMENT_SHARE
        rows = (clip.rows + 1) // 2 if paired else clip.rows
        batch = make_batch(rng, self.tokenizer, rows, clip.frames, 0.0 if paired else TEXT_DROPOUT)
        batch = (pair_up(batch) if paired else batch).to(self.device)
        offsets = [rng.randint(0, MAX_OFFSET) if rng.random() < 0.5 else 0 for _ in range(rows)] * (2 if paired else 1)
        self.set_rate(
            LEARNING_RATE
            * min(1, (self.step + 1) / 60)
            * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * min(1, progress))))
        )
        found = losses(
            self.model, self.heads, batch, torch.tensor(offsets, device=self.device).unsqueeze(1), FIRST_WEIGHT
        )
        loss = sum(found["entropies"]) + AUXILIARY * sum(found["attributes"])
        if paired:
            found["agreement"] = agreement(self.model, found["hidden"], rows)
            loss = loss + AGREEMENT * found["agreement"]
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*self.model.parameters()], 1.0)
        self.optimizer.step()
        self.step += 1
        self.frames += batch.codes.shape[0] * clip.frames
        return {"clip": clip.frames, **found}

    def set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def validate(self) -> None:
        """48 held-out ten-second clips; and how much the text tells about first frames: right text, none, another clip's."""
        self.model.eval()
        with torch.no_grad():
            rng = random.Random("held out")
            rows = [
                [
                    value.item()
                    for value in losses(
                        self.model,
                        self.heads,
                        make_batch(rng, self.tokenizer, 16, 250, 0.0, False).to(self.device),
                        None,
                        1.0,
                    )["entropies"]
                ]
                for _ in range(3)
            ]
            means = [sum(column) / len(rows) for column in zip(*rows)]
            short = make_batch(rng, self.tokenizer, 48, 8, 0.0, False).to(self.device)
            texts = {
                "right": (short.ids, short.mask),
                "none": (short.ids, short.mask * 0),
                "other": (short.ids.roll(1, 0), short.mask.roll(1, 0)),
            }
            first = {
                name: [
                    v.item()
                    for v in losses(self.model, self.heads, Batch(short.codes, ids, mask, short.attributes), None, 1.0)[
                        "entropies"
                    ]
                ]
                for name, (ids, mask) in texts.items()
            }
        self.model.train()
        self.log(
            kind="validation", step=self.step, minutes=self.spent / 60, frames=self.frames, losses=[round(m, 4) for m in means], sum=sum(means),
            first_frames={name: [round(v, 2) for v in values] for name, values in first.items()},
        )  # fmt: skip

    def train(self) -> None:
        if not self.encoder_done:
            self.train_encoder()
        saved, validated, before = time.time(), time.time(), time.time()
        while self.progress() < 1:
            found = self.train_step()
            now = time.time()
            self.spent, before = self.spent + now - before, now
            if self.step % 25 == 0:
                self.log(
                    kind="train", step=self.step, minutes=self.spent / 60, frames=self.frames, clip=found["clip"],
                    losses=[round(v.item(), 4) for v in found["entropies"]], accuracy=[round(v.item(), 4) for v in found["accuracies"]],
                    attributes=[round(v.item(), 2) for v in found["attributes"]], agreement=found["agreement"].item() if "agreement" in found else None,
                )  # fmt: skip
            if now - validated > self.options.validate_seconds:
                self.validate()
                validated = time.time()
            if now - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = time.time()
        self.validate()
        self.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default=".runs/micro", help="checkpoint, vocabulary and log")
    parser.add_argument("--minutes", type=float, default=75, help="wall-clock for the joint training")
    parser.add_argument("--steps", type=int, default=0, help="a fixed number of steps instead")
    parser.add_argument("--encoder-minutes", type=float, default=2.5)
    parser.add_argument("--encoder-steps", type=int, default=1500)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--validate-seconds", type=float, default=240)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    run = Run(options)
    run.resume()
    run.train()


if __name__ == "__main__":
    main()
