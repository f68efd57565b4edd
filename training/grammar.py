"""What may follow what: fixed rules of the token layout, applied to the logits, in training and in the graph.

A column of the delay pattern holds, for every codebook, the token of the frame before the one to be predicted, so these
follow from the input: the clock counts on; the key, and the timbres of bass and lead, stay; a HOLD goes on with the
note that sounds; chords start only where a 16th step does. Two things must be remembered from earlier columns: after a
STEP the clock goes on from the token before it, and the drum kit stays. The network decides tempo, key, instruments,
every hit, chord and note; and guidance, however strong, cannot break the rules.
"""

import numpy as np
import torch
from torch import Tensor, nn

import tokens as tk

FORBIDDEN = -1e4
ANYTHING = -1
NOTHING = -2  # no HOLD may follow
A_STEP, AFTER_STEP, FIRST_WAIT = (
    -1,
    -2,
    -3,
)  # of the clock: any STEP; what the token before the STEP demands; a bar's first WAIT


def _clock_tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """-> (following [ids + 1]: the one token that comes next, or A_STEP or AFTER_STEP;
    after_step [ids + 1]: given the token before a STEP, the one that comes after it, or FIRST_WAIT;
    first_wait [ids]: 1 for the tokens that follow the step at which a bar begins). PAD is the last row."""
    following, after_step, first_wait = np.full(tk.V0 + 1, A_STEP), np.full(tk.V0 + 1, FIRST_WAIT), np.zeros(tk.V0)
    following[: tk.STEP_TOKENS] = AFTER_STEP
    for index, metre in enumerate(tk.METRES):
        starts = metre.step_frames()
        first_wait[tk.wait_token(index, 1)] = 1
        for frame in range(metre.bar_frames):
            token, after = tk.wait_token(index, frame), (frame + 1) % metre.bar_frames
            if after in starts:
                after_step[token] = tk.wait_token(index, after + 1)
            else:
                following[token] = tk.wait_token(index, after)
    return following, after_step, first_wait


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
        for name, table in zip(("following", "after_step", "first_wait"), _clock_tables()):
            self._keep(name, table)
        kits = [1 + (0 if token == 0 else 1 + (token - 1) // len(tk.HITS)) for token in range(tk.STEP_TOKENS)]
        self._keep("kits", np.array(kits + [0] * (tk.V0 + 1 - tk.STEP_TOKENS)))  # 1 + kit of a STEP, 0 for other tokens
        self._keep("clock_ids", np.where(np.arange(tk.V0) < tk.STEP_TOKENS, A_STEP, np.arange(tk.V0)))
        voices = (_chord_fields(), _note_fields(tk.V2, tk.bass_fields), _note_fields(tk.V3, tk.lead_fields))
        for k, fields in enumerate(voices, start=1):
            for name, table in zip(("stays", "stayed", "held", "holding"), _voice_tables(fields)):
                self._keep(f"{name}{k}", table)
        self._keep("strikes", np.array([kind == tk.ON for kind, _, _ in voices[0]], np.int64))

    def _keep(self, name: str, table: np.ndarray) -> None:
        # floats: comparisons of them are fast everywhere, and all values are small whole numbers
        self.register_buffer(name, torch.tensor(table).float(), persistent=False)

    def kit_of(self, clock: Tensor) -> Tensor:
        """1 + the kit of each token of codebook 0, 0 where it has none"""
        return self.kits[clock.clamp(max=tk.V0)]

    def memory(self, clock: Tensor) -> tuple[Tensor, Tensor]:
        """Codebook 0 from the first column on [rows, columns] -> (the same one column earlier, 1 + kit so far or 0)"""
        columns = torch.arange(clock.shape[1], device=clock.device)
        before = torch.cat([clock[:, :1] * 0 + tk.PAD, clock[:, :-1]], 1)
        so_far = (columns.unsqueeze(1) >= columns).float()  # [columns, columns]
        return before, (self.kit_of(clock).unsqueeze(1) * so_far).amax(2)

    def forbidden(self, k: int, codes: Tensor, memory: tuple[Tensor, Tensor]) -> Tensor:
        """codes: the input columns int64 [rows, 4, columns]; memory of the same columns, see `memory`.

        -> bool [rows, columns, used ids of codebook k]
        """
        clock_before, kit = memory
        before = codes[:, k].clamp(max=tk.SIZES[k])
        if k == 0:
            wanted = self.following[before]
            wanted = torch.where(
                wanted == AFTER_STEP, self.after_step[clock_before.clamp(max=tk.V0)], wanted
            ).unsqueeze(-1)
            other_place = (self.clock_ids != wanted) & ~((wanted == FIRST_WAIT) & (self.first_wait > 0))
            kits, kit = self.kits[: tk.V0], kit.unsqueeze(-1)
            return other_place | ((kits > 0) & (kit > 0) & (kits != kit))
        stayed, holding = self._table("stayed", k)[before].unsqueeze(-1), self._table("holding", k)[before].unsqueeze(
            -1
        )
        held, stays = self._table("held", k), self._table("stays", k)
        bad = ((stays != stayed) & (stayed >= 0)) | ((held != holding) & (held >= 0))
        if k == 1:
            clock = codes[:, 0]
            waiting = (clock >= tk.STEP_TOKENS) & (clock < tk.V0)
            bad = bad | (waiting.unsqueeze(-1) & (self.strikes > 0))
        return bad

    def restrict(self, k: int, logits: Tensor, codes: Tensor, memory: tuple[Tensor, Tensor]) -> Tensor:
        """logits [rows, columns, used ids of codebook k] with what may not follow at FORBIDDEN"""
        return logits.masked_fill(self.forbidden(k, codes, memory), FORBIDDEN)

    def _table(self, name: str, k: int) -> Tensor:
        return getattr(self, f"{name}{k}")
