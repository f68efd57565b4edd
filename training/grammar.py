"""What may follow what: fixed rules of the token layout, applied to the logits, in training and in the graph.

A column of the delay pattern holds, for every codebook, the token of the frame before the one to be predicted, so these
follow from the input alone: the clock counts on; the key, and the timbres of bass and lead, stay; a HOLD goes on with
the note that sounds; chords start only where a 16th step does. The network decides the rest (after a STEP, which place
in the bar it was; every note, chord and hit), and guidance, however strong, cannot break the rules.
"""

import numpy as np
import torch
from torch import Tensor, nn

import tokens as tk

FORBIDDEN = -1e4
ANYTHING = -1
NOTHING = -2  # no HOLD may follow


def _clock_groups() -> tuple[np.ndarray, np.ndarray]:
    """Every clock token belongs to one group, and every token says which group comes next. PAD is the last row."""
    steps, first_waits = -1, -2
    group, following = np.zeros(tk.V0, np.int64), np.zeros(tk.V0 + 1, np.int64)
    group[: tk.STEP_TOKENS], following[: tk.STEP_TOKENS] = steps, first_waits
    following[tk.V0] = steps
    for index, metre in enumerate(tk.METRES):
        starts = metre.step_frames()
        for frame in range(metre.bar_frames):
            token, after = tk.wait_token(index, frame), (frame + 1) % metre.bar_frames
            group[token] = first_waits if frame - 1 in starts else token
            following[token] = steps if after in starts else tk.wait_token(index, after)
    return group, following


def _voice_tables(fields: list[tuple[int, int, int]]) -> tuple[np.ndarray, ...]:
    """fields: (kind, what stays for the whole piece, what a HOLD keeps) per token.

    -> (stays [ids], stays of the token before [ids + 1], held by this HOLD [ids], held by the token before [ids + 1])
    """
    kind, stays, note = (np.array(column, np.int64) for column in zip(*fields))
    held_now = np.where(kind == tk.HOLD, note, ANYTHING)
    held_before = np.where(kind == tk.REST, NOTHING, note)
    return stays, np.append(stays, ANYTHING), held_now, np.append(held_before, NOTHING)


def _chord_fields() -> list[tuple[int, int, int]]:
    found = [tk.chord_fields(token) for token in range(tk.V1)]
    return [(kind, key, key * len(tk.CHORDS) + chord) for kind, key, chord, _ in found]


def _note_fields(size: int, fields) -> list[tuple[int, int, int]]:
    found = [fields(token) for token in range(size)]
    return [(kind, timbre, (pitch + 64) * 16 + timbre) for kind, pitch, timbre in found]


class Grammar(nn.Module):
    def __init__(self):
        super().__init__()
        group, following = _clock_groups()
        self._keep("group", group)
        self._keep("following", following)
        voices = (_chord_fields(), _note_fields(tk.V2, tk.bass_fields), _note_fields(tk.V3, tk.lead_fields))
        for k, fields in enumerate(voices, start=1):
            for name, table in zip(("stays", "stayed", "held", "holding"), _voice_tables(fields)):
                self._keep(f"{name}{k}", table)
        self._keep("strikes", np.array([kind == tk.ON for kind, _, _ in voices[0]], np.int64))

    def _keep(self, name: str, table: np.ndarray) -> None:
        # floats: comparisons of them are fast everywhere, and all values are small whole numbers
        self.register_buffer(name, torch.tensor(table).float(), persistent=False)

    def forbidden(self, k: int, codes: Tensor) -> Tensor:
        """codes: the input columns int64 [rows, 4, columns] -> bool [rows, columns, used ids of codebook k]"""
        before = codes[:, k].clamp(max=tk.SIZES[k])
        if k == 0:
            return self.group != self.following[before].unsqueeze(-1)
        stayed, holding = self._table("stayed", k)[before].unsqueeze(-1), self._table("holding", k)[before].unsqueeze(-1)
        held, stays = self._table("held", k), self._table("stays", k)
        bad = ((stays != stayed) & (stayed >= 0)) | ((held != holding) & (held >= 0))
        if k == 1:
            clock = codes[:, 0]
            waiting = (clock >= tk.STEP_TOKENS) & (clock < tk.V0)
            bad = bad | (waiting.unsqueeze(-1) & (self.strikes > 0))
        return bad

    def restrict(self, k: int, logits: Tensor, codes: Tensor) -> Tensor:
        """logits [rows, columns, used ids of codebook k] with what may not follow at FORBIDDEN"""
        return logits.masked_fill(self.forbidden(k, codes), FORBIDDEN)

    def _table(self, name: str, k: int) -> Tensor:
        return getattr(self, f"{name}{k}")
