"""The "audio codec": a synthesiser written as one graph. Codes in, samples out, as MusicGen's EnCodec decoder has it.

Control rate 200 Hz (8 per frame). For every voice a running maximum finds the last onset; pitch and timbre are gathered
at that onset, so a wrong HOLD token cannot glitch a note, and phase = frequency x age restarts with each note. The exact
time of a 16th step inside its frame comes from the WAIT token that follows it. No recurrence over samples anywhere.

A sample depends on at most LEFT_FRAMES frames before it and RIGHT_FRAMES after: that is what a decoder of chunks needs.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import drums
import timbres
import tokens as tk

CONTROLS = 8  # control ticks a frame
TICK = tk.HOP // CONTROLS  # samples a tick
LONGEST_NOTE = 160  # frames; a note held longer fades into silence
ECHOES = ((1117, 0.5), (2203, 0.5), (3571, 0.45), (6007, 0.4), (11003, 0.3))  # (samples, gain): a small room
RIGHT_FRAMES = 1
LEFT_FRAMES = LONGEST_NOTE + math.ceil(sum(delay for delay, _ in ECHOES) / tk.HOP) + 1
VIBRATO_HZ = 5.3
MIX = {"drums": 0.62, "bass": 0.42, "chords": 0.5, "lead": 0.47, "room": 0.2}


def tick_numbers(like: Tensor) -> Tensor:
    """[rows, ticks] -> 1, 2, 3 … in each row. From the data, because the exporter freezes the length of arange and ones_like."""
    return (like * 0 + 1).cumsum(1)


def last_tick(flags: Tensor, longest: int) -> Tensor:
    """flags [rows, ticks] of 0/1 -> 1-based tick of the latest flag within `longest` ticks, 0 if none."""
    padded = F.pad((flags * tick_numbers(flags)).unsqueeze(1), (longest - 1, 0))
    return F.max_pool1d(padded, longest, 1).squeeze(1)


def at_frame(values: Tensor, ticks: Tensor) -> Tensor:
    """values [rows, frames], 1-based ticks [rows, ticks] -> the value of the tick's frame."""
    frames = torch.div((ticks - 1).clamp(min=0), CONTROLS, rounding_mode="floor").long()
    return torch.gather(values, 1, frames)


class Voice(nn.Module):
    """One line of notes, each of up to four oscillators.

    `notes` [used ids, oscillators] are MIDI notes, or semitones above the tonic where `tonics` [keys] is given.
    """

    def __init__(self, kinds: np.ndarray, notes: np.ndarray, timbre: np.ndarray, tonics: np.ndarray | None):
        super().__init__()
        self.register_buffer("kinds", torch.tensor(kinds).float())
        self.register_buffer("notes", torch.tensor(notes).float())
        self.register_buffer("timbre", torch.tensor(timbre).long())
        self.register_buffer("table", torch.tensor(timbres.table()))
        self.register_buffer("tonics", torch.tensor(np.zeros(tk.KEYS) if tonics is None else tonics).float())

    def forward(self, tokens: Tensor, keys: Tensor, onset_ticks: Tensor, accents: Tensor) -> Tensor:
        """tokens, keys [rows, T]; onset_ticks [rows, T, CONTROLS] one-hot; accents [rows, T] -> [rows, T * HOP]"""
        kind = self.kinds[tokens]
        # a HOLD in the very first frame is a note cut by the start
        struck = torch.cat([(kind[:, :1] < tk.REST).to(kind.dtype), (kind[:, 1:] == tk.ON).to(kind.dtype)], 1)
        onsets = (struck.unsqueeze(2) * onset_ticks).flatten(1)
        last = last_tick(onsets, LONGEST_NOTE * CONTROLS)
        token, key = at_frame(tokens, last), at_frame(keys, last)
        level = self._level(kind, onsets, last, self.table[self.timbre[token]][:, :, timbres.HARMONICS + 6])
        level = level * at_frame(accents, last)
        ending = torch.cat([level[:, 1:] * (1 - onsets[:, 1:]), level[:, -1:]], 1)  # silent where the next note begins
        within = torch.arange(TICK, device=tokens.device).to(kind.dtype) / TICK
        envelope = level.unsqueeze(2) + (ending - level).unsqueeze(2) * within
        age = ((tick_numbers(last) - last).unsqueeze(2) + within) * (TICK / tk.SAMPLE_RATE)
        midi = self.notes[token] + self.tonics[key].unsqueeze(2)
        hertz = 440.0 * torch.exp((midi - 69.0) * (math.log(2) / 12))
        return self._sound(age, hertz, self.table[self.timbre[token]], envelope).flatten(1)

    def _level(self, kind: Tensor, onsets: Tensor, last: Tensor, release: Tensor) -> Tensor:
        """1 while the note sounds, then an exponential release; 0 before the first note. [rows, ticks]"""
        gate = (kind < tk.REST).to(kind.dtype).unsqueeze(2).expand(-1, -1, CONTROLS).flatten(1)
        gate = torch.maximum(gate, onsets)
        since_gate = (tick_numbers(gate) - last_tick(gate, LONGEST_NOTE * CONTROLS)).clamp(min=0) * (
            TICK / tk.SAMPLE_RATE
        )
        return torch.exp(-since_gate / release) * (last > 0).to(gate.dtype)

    def _sound(self, age: Tensor, hertz: Tensor, timbre: Tensor, envelope: Tensor) -> Tensor:
        """age, envelope [rows, ticks, TICK] s; hertz [rows, ticks, oscillators]; timbre [rows, ticks, columns]"""

        def column(index: int) -> Tensor:
            return timbre[:, :, index : index + 1]

        attack, decay, sustain, damping, vibrato, drive, _, gain, strum = (
            column(timbres.HARMONICS + n) for n in range(len(timbres.COLUMNS))
        )
        total = 0
        for n in range(hertz.shape[2]):
            own = (age - n * strum).clamp(min=0) if n else age
            shape = (1 - torch.exp(-own / attack)) * (sustain + (1 - sustain) * torch.exp(-own / decay))
            sway = vibrato * torch.sin(own * (2 * math.pi * (VIBRATO_HZ + 0.37 * n))) * torch.clamp(own * 3, 0, 1)
            cycles = own * hertz[:, :, n : n + 1]
            total = total + shape * self._harmonics(
                (cycles - torch.floor(cycles) + sway) * (2 * math.pi), torch.exp(-own * damping), column
            )
        wave = total * envelope * gain / math.sqrt(hertz.shape[2])
        push = 1 + drive * 3
        return torch.tanh(wave * push) / torch.sqrt(push)

    @staticmethod
    def _harmonics(phase: Tensor, damped: Tensor, column) -> Tensor:
        """Sum of a_h damped^(h-1) sin(h phase), by the Chebyshev recurrence: one sine and one cosine for all harmonics."""
        double_cosine, previous, current = 2 * torch.cos(phase), 0.0, torch.sin(phase)
        total, fading = column(0) * current, 1.0
        for h in range(1, timbres.HARMONICS):
            previous, current = current, double_cosine * current - previous
            fading = fading * damped
            total = total + column(h) * fading * current
        return total


class Codec(nn.Module):
    def __init__(self):
        super().__init__()
        samples, offsets, lengths, numbers = drums.make_kits()
        self.register_buffer("samples", torch.tensor(samples))
        self.register_buffer("offsets", torch.tensor(offsets).float())
        self.register_buffer("lengths", torch.tensor(lengths).float())
        self.register_buffer("hits", torch.tensor(drums.hit_numbers(numbers)))
        self.longest_hit = math.ceil(max(lengths) / TICK) + 1
        shifts, accents = _shifts_and_accents()
        self.register_buffer("shifts", torch.tensor(shifts).float())
        self.register_buffer("accents", torch.tensor(accents).float())
        self.register_buffer("keys", torch.tensor([tk.chord_fields(v)[1] for v in range(tk.V1)]))
        self.chords, self.bass, self.lead = _chord_voice(), _bass_voice(), _lead_voice()

    def forward(self, audio_codes: Tensor) -> Tensor:
        """int64 [1, rows, 4, T] -> float32 [rows, 1, HOP * T] within (-1, 1)"""
        clock, chords, bass, lead = (audio_codes[0, :, k].clamp(0, size - 1) for k, size in enumerate(tk.SIZES))
        following = torch.cat([clock[:, 1:], torch.zeros_like(clock[:, :1])], 1)
        onset_ticks = (
            self.shifts[following].unsqueeze(2) == torch.arange(CONTROLS, device=clock.device).float()
        ).float()
        accents, keys = self.accents[following], self.keys[chords]
        drum = self._drums(clock, onset_ticks, accents)
        low = self.bass(bass, keys, onset_ticks, accents * 0.5 + 0.5)
        middle = self.chords(chords, keys, onset_ticks, accents * 0.4 + 0.6)
        high = self.lead(lead, keys, onset_ticks, accents * 0.6 + 0.4)
        dry = MIX["drums"] * drum + MIX["bass"] * low + MIX["chords"] * middle + MIX["lead"] * high
        room = self._room(middle + high + 0.15 * drum)
        return torch.tanh(0.9 * (dry + MIX["room"] * room)).unsqueeze(1)

    def _drums(self, clock: Tensor, onset_ticks: Tensor, accents: Tensor) -> Tensor:
        total = 0
        within = torch.arange(TICK, device=clock.device).float()
        for channel in range(len(drums.CHANNELS)):
            number = self.hits[channel][clock]
            struck = ((number > 0).float().unsqueeze(2) * onset_ticks).flatten(1)
            last = last_tick(struck, self.longest_hit)
            sound = at_frame(number, last)
            age = ((tick_numbers(last) - last) * TICK).unsqueeze(2) + within
            place = self.offsets[sound].unsqueeze(2) + torch.minimum(age, (self.lengths[sound] - 1).unsqueeze(2))
            loudness = (last > 0).float() * (at_frame(accents, last) if channel in (1, 2) else 1.0)
            total = total + self.samples[place.long()] * loudness.unsqueeze(2)
        return total.flatten(1)

    @staticmethod
    def _room(wet: Tensor) -> Tensor:
        for delay, gain in ECHOES:
            wet = 0.8 * (wet + gain * F.pad(wet, (delay, 0))[:, : wet.shape[1]])
        return wet


def _shifts_and_accents() -> tuple[np.ndarray, np.ndarray]:
    """Per clock token, about the step that began one frame earlier: its delay in ticks, and how strongly it is played."""
    shifts, accents = np.zeros(tk.V0), np.full(tk.V0, 0.85)
    for index, metre in enumerate(tk.METRES):
        starts = metre.step_frames()
        for step, frame in enumerate(starts):
            if frame + 1 < metre.bar_frames:
                token = tk.wait_token(index, frame + 1)
                shifts[token] = int((metre.step_position(step) - frame) * CONTROLS + 1e-6)
                accents[token] = 1.0 if step % 4 == 0 else 0.85 if step % 2 == 0 else 0.7
    return shifts, accents


def _chord_voice() -> Voice:
    fields = [tk.chord_fields(token) for token in range(tk.V1)]
    names = [tk.CHORD_INSTRUMENTS[max(0, instrument)] for *_, instrument in fields]
    notes = np.array([timbres.voicing(key, chord, name) for (_, key, chord, _), name in zip(fields, names)])
    return Voice(
        np.array([kind for kind, *_ in fields]), notes, np.array([timbres.NAMES.index(name) for name in names]), None
    )


def _bass_voice() -> Voice:
    fields = [tk.bass_fields(token) for token in range(tk.V2)]
    timbre = [timbres.NAMES.index(tk.BASS_TIMBRES[t]) for _, _, t in fields]
    return Voice(
        np.array([k for k, _, _ in fields]),
        np.array([[float(p)] for _, p, _ in fields]),
        np.array(timbre),
        tk.bass_tonic(np.arange(12)),
    )


def _lead_voice() -> Voice:
    fields = [tk.lead_fields(token) for token in range(tk.V3)]
    names = {"guitar": "lead guitar"}
    timbre = [timbres.NAMES.index(names.get(tk.LEAD_TIMBRES[t], tk.LEAD_TIMBRES[t])) for _, _, t in fields]
    return Voice(
        np.array([k for k, _, _ in fields]),
        np.array([[float(p)] for _, p, _ in fields]),
        np.array(timbre),
        tk.lead_tonic(np.arange(12)),
    )
