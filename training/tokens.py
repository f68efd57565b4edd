"""The token layout: what each id of each codebook means.

25 frames a second, 1280 samples a frame at 32 kHz, four codebooks (MusicGen's delay pattern applies on top):

    0  clock and drums   STEP(kit, hit) on the frames where a 16th step begins, WAIT(metre class, frame of the bar) between
    1  chords            ON(key, chord, instrument), HOLD(key, chord), REST(key, chord)
    2  bass              kind (ON, HOLD, REST) x pitch x timbre
    3  lead              kind x pitch x timbre

Three decisions carry the model:
- The clock is in the tokens. WAIT counts the frames of the whole bar, so tempo and bar position follow from the previous
  token and never from counting; `metre class` is a bar length in frames, with or without swing, in 4/4 or 3/4.
- The key is in the chord tokens only; chords, bass and lead are written relative to its tonic. Every piece is therefore
  transposition invariant (twelve times the data per key) and the key is one decision taken from the text, then copied.
- Tokens are products of a few factors. `factor_matrices` gives, per codebook, the 0/1 matrix that the model's
  embedding and output tables are multiplied by, so a rare token shares its statistics with its relatives.
"""

from dataclasses import dataclass

import numpy as np

FRAME_RATE = 25
HOP = 1280  # samples a frame
SAMPLE_RATE = 32000
CODEBOOKS = 4
STEPS_PER_BEAT = 4

ON, HOLD, REST = 0, 1, 2
KINDS = 3


# ---------------------------------------------------------------- metre: the clock
@dataclass(frozen=True)
class Metre:
    """One way of counting: a whole number of frames a bar, so that bars never drift against frames."""

    bar_frames: int
    beats: int
    swing: bool

    @property
    def bpm(self) -> float:
        return 60.0 * FRAME_RATE * self.beats / self.bar_frames

    @property
    def steps(self) -> int:
        return self.beats * STEPS_PER_BEAT

    def step_position(self, step: int) -> float:
        """Where a step of the bar begins, in frames (not rounded)."""
        offsets = (0, 0.31, 0.62, 0.81) if self.swing else (0, 0.25, 0.5, 0.75)
        beat_frames = self.bar_frames / self.beats
        return (step // STEPS_PER_BEAT + offsets[step % STEPS_PER_BEAT]) * beat_frames

    def step_frames(self) -> list[int]:
        return [int(np.floor(self.step_position(s) + 1e-6)) for s in range(self.steps)]


_STRAIGHT_4 = (
    32,
    33,
    34,
    35,
    36,
    37,
    38,
    40,
    42,
    43,
    45,
    46,
    47,
    48,
    50,
    52,
    54,
    56,
    58,
    60,
    62,
    64,
    67,
    70,
    72,
    75,
    78,
    82,
    86,
    90,
    95,
    100,
)
_SWING_4 = (40, 44, 48, 52, 56, 60, 66, 72, 80)
_STRAIGHT_3 = (24, 25, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46, 48, 51, 54, 57, 60, 64, 68, 75)
METRES = (
    [Metre(n, 4, False) for n in _STRAIGHT_4]
    + [Metre(n, 4, True) for n in _SWING_4]
    + [Metre(n, 3, False) for n in _STRAIGHT_3]
)
BPM_MINIMUM, BPM_MAXIMUM = 60, 187


def nearest_metre(bpm: float, beats: int, swing: bool) -> int:
    """The metre class whose tempo is nearest; swing is given up where no swung class comes within 6 %."""
    distance = {i: abs(np.log(m.bpm / bpm)) for i, m in enumerate(METRES) if m.beats == beats and m.swing == swing}
    best = min(distance, key=distance.get) if distance else -1
    if swing and (best < 0 or distance[best] > 0.06):
        return nearest_metre(bpm, beats, False)
    return best


# ---------------------------------------------------------------- codebook 0
KITS = ["none", "acoustic", "electronic", "lofi", "brush", "orchestral"]
# (kick, snare, hat, crash); snare 1 and 2 and hat 1 and 2 are two sounds each
HITS = [(k, s, h, 0) for k in (0, 1) for s in (0, 1, 2) for h in (0, 1, 2)] + [(1, 0, 0, 1), (1, 0, 1, 1)]
HIT_INDEX = {hit: i for i, hit in enumerate(HITS)}
STEP_TOKENS = 1 + (len(KITS) - 1) * len(HITS)  # kit "none" has one token
WAIT_BASE = list(np.cumsum([STEP_TOKENS] + [m.bar_frames for m in METRES[:-1]]))
V0 = STEP_TOKENS + sum(m.bar_frames for m in METRES)


def step_token(kit: int, hit: int) -> int:
    return 0 if kit == 0 else 1 + (kit - 1) * len(HITS) + hit


def wait_token(metre: int, frame: int) -> int:
    return WAIT_BASE[metre] + frame


# ---------------------------------------------------------------- codebook 1
QUALITIES = {
    "maj": (0, 4, 7, 12),
    "min": (0, 3, 7, 12),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "dom7": (0, 4, 7, 10),
}
# (semitones of the root above the tonic, quality): the diatonic chords of major and minor, plain and with sevenths
CHORDS = [
    (0, "maj"), (0, "maj7"), (2, "min"), (2, "min7"), (4, "min"), (4, "min7"), (5, "maj"), (5, "maj7"),
    (7, "maj"), (7, "dom7"), (9, "min"), (9, "min7"), (10, "maj"), (0, "min"), (0, "min7"), (3, "maj"),
    (3, "maj7"), (5, "min"), (5, "min7"), (7, "min"), (7, "min7"), (8, "maj"), (8, "maj7"), (10, "dom7"),
]  # fmt: skip
CHORD_INDEX = {chord: i for i, chord in enumerate(CHORDS)}
CHORD_INSTRUMENTS = ["piano", "epiano", "organ", "pad", "strings", "guitar", "distorted", "stab"]
KEYS = 12
_ON1 = KEYS * len(CHORDS) * len(CHORD_INSTRUMENTS)
_SILENT1 = KEYS * len(CHORDS)
V1 = _ON1 + 2 * _SILENT1


def chord_token(kind: int, key: int, chord: int, instrument: int) -> int:
    """HOLD and REST keep key and chord but not the instrument."""
    if kind == ON:
        return (key * len(CHORDS) + chord) * len(CHORD_INSTRUMENTS) + instrument
    return _ON1 + (kind - 1) * _SILENT1 + key * len(CHORDS) + chord


def chord_fields(token: int) -> tuple[int, int, int, int]:
    """(kind, key, chord, instrument or -1)"""
    if token < _ON1:
        rest, instrument = divmod(token, len(CHORD_INSTRUMENTS))
        return ON, rest // len(CHORDS), rest % len(CHORDS), instrument
    kind, rest = divmod(token - _ON1, _SILENT1)
    return kind + 1, rest // len(CHORDS), rest % len(CHORDS), -1


# ---------------------------------------------------------------- codebooks 2 and 3
BASS_TIMBRES = ["sub", "finger", "upright", "acid", "bowed"]
LEAD_TIMBRES = ["piano", "flute", "synth", "chip", "bell", "violin", "guitar", "brass", "sax"]
BASS_LOW, BASS_PITCHES = -5, 24  # semitones relative to the tonic
LEAD_LOW, LEAD_PITCHES = -5, 32
V2 = KINDS * BASS_PITCHES * len(BASS_TIMBRES)
V3 = KINDS * LEAD_PITCHES * len(LEAD_TIMBRES)


def bass_tonic(key):
    """MIDI note of the bass's tonic, A1 to G#2."""
    return 33 + (key - 9) % 12


def lead_tonic(key):
    """MIDI note of the lead's tonic, G3 to F#4."""
    return 55 + (key - 7) % 12


def bass_token(kind: int, pitch: int, timbre: int) -> int:
    """`pitch` in semitones above the tonic, BASS_LOW to BASS_LOW + BASS_PITCHES - 1."""
    return (kind * BASS_PITCHES + pitch - BASS_LOW) * len(BASS_TIMBRES) + timbre


def lead_token(kind: int, pitch: int, timbre: int) -> int:
    return (kind * LEAD_PITCHES + pitch - LEAD_LOW) * len(LEAD_TIMBRES) + timbre


def bass_fields(token: int) -> tuple[int, int, int]:
    rest, timbre = divmod(token, len(BASS_TIMBRES))
    kind, pitch = divmod(rest, BASS_PITCHES)
    return kind, pitch + BASS_LOW, timbre


def lead_fields(token: int) -> tuple[int, int, int]:
    rest, timbre = divmod(token, len(LEAD_TIMBRES))
    kind, pitch = divmod(rest, LEAD_PITCHES)
    return kind, pitch + LEAD_LOW, timbre


SIZES = [V0, V1, V2, V3]  # used ids per codebook; the rest of the vocabulary is never produced
VOCABULARY = (max(SIZES) + 7) // 8 * 8
PAD = VOCABULARY  # also the start id; MusicGen's tables have one row more than they have classes


# ---------------------------------------------------------------- factors
def _clock_factors() -> list[list]:
    rows = []
    for kit in range(len(KITS)):
        for hit, (kick, snare, hat, crash) in enumerate(HITS if kit else [(0, 0, 0, 0)]):
            names = [("step",), ("kit", kit)]
            rows.append(
                names
                + (
                    [("hit", hit), ("kick", kick), ("snare", snare), ("hat", hat), ("crash", crash)]
                    if kit
                    else [("no hit",)]
                )
            )
    for index, metre in enumerate(METRES):
        starts = metre.step_frames() + [metre.bar_frames]
        for frame in range(metre.bar_frames):
            step = max(s for s in range(metre.steps) if starts[s] <= frame)
            since, left = frame - starts[step], starts[step + 1] - frame
            rows.append([
                ("wait",), ("metre", index), ("beats", metre.beats, metre.swing), ("beat", step // 4),
                ("bar step", metre.beats, step), ("since", since), ("left", left), ("since, left", since, left),
            ])  # fmt: skip
    return rows


def _chord_factors() -> list[list]:
    rows = []
    for token in range(V1):
        kind, key, chord, instrument = chord_fields(token)
        root, quality = CHORDS[chord]
        rows.append(
            [
                ("kind", kind),
                ("key", key),
                ("chord", chord),
                ("root", root),
                ("quality", quality),
                ("kind, chord", kind, chord),
            ]
        )
        if kind == ON:
            rows[-1].append(("instrument", instrument))
    return rows


def _voice_factors(size: int, fields) -> list[list]:
    rows = []
    for token in range(size):
        kind, pitch, timbre = fields(token)
        rows.append(
            [("kind", kind), ("pitch", pitch), ("timbre", timbre), ("kind, pitch", kind, pitch), ("class", pitch % 12)]
        )
    return rows


def factor_matrices() -> list[np.ndarray]:
    """Per codebook a 0/1 matrix [used ids, factors]."""
    matrices = []
    for rows in (_clock_factors(), _chord_factors(), _voice_factors(V2, bass_fields), _voice_factors(V3, lead_fields)):
        index: dict = {}
        for names in rows:
            for name in names:
                index.setdefault(name, len(index))
        matrix = np.zeros((len(rows), len(index)), np.float32)
        for row, names in enumerate(rows):
            matrix[row, [index[name] for name in names]] = 1
        matrices.append(matrix)
    return matrices


def layout() -> dict:
    """The layout as plain data, for evaluation in other languages."""
    return {
        "frame_rate": FRAME_RATE,
        "sizes": SIZES,
        "kits": KITS,
        "hits": HITS,
        "step_tokens": STEP_TOKENS,
        "metres": [
            {"bar_frames": m.bar_frames, "beats": m.beats, "swing": m.swing, "step_frames": m.step_frames()}
            for m in METRES
        ],
        "qualities": QUALITIES,
        "chords": CHORDS,
        "chord_instruments": CHORD_INSTRUMENTS,
        "bass": {"timbres": BASS_TIMBRES, "low": BASS_LOW, "pitches": BASS_PITCHES},
        "lead": {"timbres": LEAD_TIMBRES, "low": LEAD_LOW, "pitches": LEAD_PITCHES},
    }
