"""Training batches, composed on the fly: no piece is ever seen twice."""

import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import composer
from captions import caption
from tokenizer import EOS_ID, UNK_ID, Tokenizer

MAX_START_BAR = 24  # clips begin anywhere in a piece's first 24 bars, half of them at its first
WORD_DROP = 0.03  # words made unknown
CHATTER = 0.15  # share of captions with unknown words put in between
LONG_CHATTER = 0.02  # share with a great many of them


@dataclass
class Batch:
    codes: Tensor  # int64 [rows, 4, frames]
    ids: Tensor  # int64 [rows, length]
    mask: Tensor  # int64 [rows, length]; all zero where the text was dropped
    attributes: Tensor  # int64 [rows, attributes]

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(tensor.to(device) for tensor in (self.codes, self.ids, self.mask, self.attributes)))


def with_unknown_words(ids: list[int], rng: random.Random) -> list[int]:
    body = [UNK_ID if rng.random() < WORD_DROP else i for i in ids[:-1]]
    chance = rng.random()
    strangers = rng.randint(1, 5) if chance < CHATTER else rng.randint(8, 28) if chance < CHATTER + LONG_CHATTER else 0
    if rng.random() < 0.5:  # in one place
        place = rng.randint(0, len(body))
        body[place:place] = [UNK_ID] * strangers
    else:
        for _ in range(strangers):
            body.insert(rng.randint(0, len(body)), UNK_ID)
    return body + [EOS_ID]


def padded(texts: list[list[int]]) -> tuple[Tensor, Tensor]:
    """-> (ids, mask) [rows, longest]; an empty list becomes a row of padding."""
    ids = torch.zeros(len(texts), max(1, max(map(len, texts))), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text, dtype=torch.long)
        mask[row, : len(text)] = 1
    return ids, mask


def make_batch(
    rng: random.Random, tokenizer: Tokenizer, rows: int, frames: int, text_dropout: float, noise: bool = True
) -> Batch:
    codes, texts, attributes = [], [], []
    for _ in range(rows):
        piece = composer.compose(rng)
        start = 0 if rng.random() < 0.5 else rng.randint(0, MAX_START_BAR)
        ids = tokenizer.encode(caption(piece, rng))
        codes.append(composer.render(piece, start, frames))
        texts.append([] if rng.random() < text_dropout else with_unknown_words(ids, rng) if noise else ids)
        attributes.append(composer.attributes(piece))
    return Batch(torch.from_numpy(np.stack(codes)), *padded(texts), torch.tensor(attributes))


def caption_batch(rng: random.Random, tokenizer: Tokenizer, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Captions and attributes only, for the text encoder's first minutes."""
    pieces = [composer.compose(rng) for _ in range(rows)]
    ids, mask = padded([with_unknown_words(tokenizer.encode(caption(piece, rng)), rng) for piece in pieces])
    return ids, mask, torch.tensor([composer.attributes(piece) for piece in pieces])
