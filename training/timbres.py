"""The synthesiser's instruments: rows of harmonic amplitudes and envelope constants, and how chords are laid out."""

from dataclasses import dataclass

import numpy as np

import tokens as tk

HARMONICS = 10
_H = np.arange(1, HARMONICS + 1.0)
_SAW, _SQUARE = 1 / _H, (_H % 2) / _H


@dataclass(frozen=True)
class Timbre:
    amplitudes: np.ndarray  # per harmonic
    attack: float  # s
    decay: float  # s, towards the sustain level
    sustain: float
    damping: float  # 1/s a harmonic: how much faster the upper harmonics die
    vibrato: float  # depth, in cycles of phase
    drive: float  # distortion
    release: float  # s
    gain: float
    strum: float = 0.0  # s between the notes of a chord


TIMBRES = {
    "piano": Timbre(
        1 / _H**1.4 * np.array([1, 0.9, 0.7, 0.6, 0.5, 0.4, 0.3, 0.3, 0.2, 0.2]),
        0.003,
        0.8,
        0,
        1.6,
        0,
        0,
        0.14,
        0.52,
        0.004,
    ),
    "epiano": Timbre(
        np.array([1, 0.35, 0.05, 0.25, 0.02, 0.1, 0, 0.03, 0, 0]), 0.004, 1.1, 0.02, 1.2, 0.002, 0, 0.16, 0.55, 0.006
    ),
    "organ": Timbre(np.array([1, 0.8, 0.5, 0.5, 0, 0.3, 0, 0.25, 0, 0]), 0.012, 9, 1, 0, 0.006, 0, 0.05, 0.28),
    "pad": Timbre(_SAW * np.exp(-_H * 0.3), 0.35, 9, 1, 0, 0.02, 0, 0.5, 0.44, 0.02),
    "strings": Timbre(_SAW * np.exp(-_H * 0.14), 0.10, 9, 0.9, 0, 0.016, 0, 0.22, 0.36),
    "guitar": Timbre(1 / _H**1.1, 0.003, 0.7, 0.02, 2.0, 0, 0, 0.12, 0.48, 0.018),
    "distorted": Timbre(1 / _H**0.9, 0.004, 2.0, 0.5, 0.5, 0, 3.0, 0.06, 0.62, 0.006),
    "stab": Timbre(_SAW, 0.004, 0.25, 0.1, 3, 0, 0, 0.08, 0.55),
    "sub": Timbre(np.array([1, 0.3, 0.1, 0.03, 0, 0, 0, 0, 0, 0]), 0.006, 2.5, 0.6, 0, 0, 0.3, 0.06, 0.62),
    "finger": Timbre(1 / _H**1.2, 0.004, 0.6, 0.15, 2.5, 0, 0.3, 0.05, 0.75),
    "upright": Timbre(1 / _H**1.5, 0.008, 0.45, 0.05, 2, 0, 0, 0.1, 0.72),
    "acid": Timbre(_SAW, 0.003, 0.28, 0.15, 5, 0, 1, 0.04, 0.6),
    "bowed": Timbre(_SAW * np.exp(-_H * 0.15), 0.06, 9, 0.85, 0, 0.008, 0, 0.16, 0.55),
    "flute": Timbre(np.array([1, 0.35, 0.1, 0.05, 0.02, 0, 0, 0, 0, 0]), 0.05, 9, 0.9, 0, 0.012, 0, 0.09, 0.38),
    "synth": Timbre(_SAW, 0.008, 0.8, 0.5, 1, 0.008, 0.4, 0.09, 0.32),
    "chip": Timbre(_SQUARE, 0.002, 0.5, 0.5, 0, 0, 0, 0.02, 0.3),
    "bell": Timbre(np.array([1, 0, 0.35, 0, 0.15, 0, 0, 0.2, 0, 0.05]), 0.002, 0.6, 0, 1.5, 0, 0, 0.5, 0.45),
    "violin": Timbre(_SAW * np.exp(-_H * 0.1), 0.06, 9, 0.9, 0, 0.018, 0, 0.12, 0.33),
    "lead guitar": Timbre(1 / _H, 0.004, 1.5, 0.4, 0.8, 0.01, 1.6, 0.08, 0.3),
    "brass": Timbre(
        _SAW * np.array([0.7, 1, 1, 0.9, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1]), 0.04, 1.5, 0.75, 0.3, 0.008, 0.3, 0.09, 0.34
    ),
    "sax": Timbre(
        np.array([1, 0.75, 0.6, 0.65, 0.35, 0.3, 0.15, 0.12, 0.06, 0.04]), 0.035, 1.2, 0.7, 0.4, 0.014, 0.6, 0.09, 0.36
    ),
}
NAMES = list(TIMBRES)
COLUMNS = ("attack", "decay", "sustain", "damping", "vibrato", "drive", "release", "gain", "strum")


def table() -> np.ndarray:
    """[timbres, HARMONICS + COLUMNS]; amplitudes scaled to unit energy."""
    return np.array([
        np.concatenate([t.amplitudes / np.sqrt((t.amplitudes**2).sum()), [getattr(t, column) for column in COLUMNS]]) for t in TIMBRES.values()
    ], np.float32)  # fmt: skip


def voicing(key: int, chord: int, instrument: str) -> list[float]:
    """Four MIDI notes: close position around middle C; guitars and the piano with a low root, power chords when distorted."""
    root, quality = tk.CHORDS[chord]
    intervals = tk.QUALITIES[quality]
    base = (key + root) % 12
    close = [52 + (base + interval - 52) % 12 for interval in intervals[:3]]
    low = 40 + (base - 40) % 12
    if instrument == "distorted":
        return [low, low + 7, low + 12, low]
    if instrument in ("piano", "guitar"):
        return [
            low,
            *sorted(
                52 + (base + interval - 52) % 12
                for interval in (intervals[1:] if intervals[3] != 12 else intervals[:3])
            ),
        ]
    fourth = close[0] + 12 if intervals[3] == 12 else 52 + (base + intervals[3] - 52) % 12
    return [*close, fourth]
