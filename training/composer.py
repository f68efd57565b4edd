"""Composes pieces: a plan (`Piece`) drawn from a style's tables, rendered to tokens for any stretch of bars.

All training data comes from here, made on the fly; about half a millisecond a clip. Patterns repeat strictly (the same
drum bar, the same motif every phrase), because what a composer varies at random a small model can only blur.
"""

import math
import random
from dataclasses import dataclass

import numpy as np

import tokens as tk

from styles import (
    BASS_PATTERNS, BASS_PATTERNS_3, CHORD_PATTERNS, CHORD_PATTERNS_3, DRUM_PATTERNS, DRUM_PATTERNS_3, FILLS, FILLS_3,
    MAJOR_LOOPS, MINOR_LOOPS, RHYTHMS_3, STYLE_NAMES, STYLES,
)  # fmt: skip

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
MIXOLYDIAN, DORIAN = (0, 2, 4, 5, 7, 9, 10), (0, 2, 3, 5, 7, 9, 10)
OTHER_BPM, OTHER_INSTRUMENT, OTHER_KIT = (
    0.22,
    0.15,
    0.16,
)  # shares drawn without regard to the style, or words would only be style labels
BARS_IN_PHRASE = 4
HIGH_LEADS = ("flute", "bell", "violin")


@dataclass
class Piece:
    style: str
    bpm: float  # what was asked for; the metre is the nearest the clock has
    metre: int
    key: int
    major: bool
    kit: str
    bass: str
    chords: str
    lead: str
    chord_pattern: str
    bass_pattern: str
    loops: list[
        list[tuple[int, int, int]]
    ]  # per section, a chord a bar: (scale degree, root in semitones, chord index)
    drum_bars: list[list[int]]  # hits of the plain bar, and of the bar with the fill
    crash: bool
    motifs: list[
        list[tuple[int, int, int]]
    ]  # per section and bar of the phrase flattened by `_phrase`: (step, length, semitones)
    lead_from: int  # bar in which the lead comes in

    @property
    def swing(self) -> bool:
        return tk.METRES[self.metre].swing

    @property
    def energy(self) -> int:
        return STYLES[self.style].energy


def compose(rng: random.Random, style_name: str | None = None) -> Piece:
    name = style_name or rng.choices(STYLE_NAMES, [STYLES[s].weight for s in STYLE_NAMES])[0]
    style = STYLES[name]
    beats = 3 if rng.random() < style.metre3 else 4
    bpm = _tempo(rng, style)
    metre = tk.nearest_metre(bpm, beats, rng.random() < style.swing)
    major, key = rng.random() < style.major, rng.randrange(12)
    scale = _scale(rng, major)
    kit, bass, chords, lead = _band(rng, style)
    loops = _loops(rng, scale, major, rng.random() < style.sevenths)
    steps = tk.METRES[metre].steps
    return Piece(
        style=name, bpm=bpm, metre=metre, key=key, major=major, kit=kit, bass=bass, chords=chords, lead=lead,
        chord_pattern=_pattern(rng, style.chord_patterns, CHORD_PATTERNS, CHORD_PATTERNS_3, beats),
        bass_pattern=_pattern(rng, style.bass_patterns, BASS_PATTERNS, BASS_PATTERNS_3, beats),
        loops=loops, drum_bars=_drum_bars(rng, style, kit, beats), crash=style.energy == 2 and kit != "none" and rng.random() < 0.7,
        motifs=_motifs(rng, style, lead, scale, loops, steps), lead_from=rng.choice((0, 0, 0, 2)) if tk.METRES[metre].bar_frames < 60 else 0,
    )  # fmt: skip


def _tempo(rng: random.Random, style) -> float:
    low, high = style.bpm
    if rng.random() < OTHER_BPM:
        low, high = (50, 200)
    return float(round(rng.uniform(low, high)))


def _scale(rng: random.Random, major: bool) -> tuple:
    if major:
        return MAJOR if rng.random() < 0.94 else MIXOLYDIAN
    return MINOR if rng.random() < 0.92 else DORIAN


def _band(rng: random.Random, style) -> tuple[str, str, str, str]:
    def pick(own: list[str], every: list[str]) -> str:
        return rng.choice(every) if rng.random() < OTHER_INSTRUMENT else rng.choice(own)

    kit = rng.choice(style.kits)
    if rng.random() < OTHER_KIT:
        kit = rng.choice(tk.KITS) if rng.random() < 0.5 else ("none" if kit != "none" else rng.choice(tk.KITS[1:]))
    bass = pick(style.basses, tk.BASS_TIMBRES + ["none"])
    chords = pick(style.chords, tk.CHORD_INSTRUMENTS)
    lead = pick(style.leads, tk.LEAD_TIMBRES + ["none"])
    if chords == "none" and lead == "none":
        lead = "synth"
    return kit, bass, chords, lead


def _pattern(rng: random.Random, own: list[str], four: dict, three: dict, beats: int) -> str:
    if beats == 3:
        return three[rng.choice([name for name in own if name in three] or list(three))]
    return four[rng.choice([name for name in own if name in four] or list(four))]


def _loops(rng: random.Random, scale: tuple, major: bool, sevenths: bool) -> list:
    first = rng.choice(MAJOR_LOOPS if major else MINOR_LOOPS)
    second = rng.choice(MAJOR_LOOPS if major else MINOR_LOOPS) if rng.random() < 0.35 else first
    return [[_chord(scale, degree, sevenths) for degree in loop] for loop in (first, second)]


def _chord(scale: tuple, degree: int, sevenths: bool) -> tuple[int, int, int]:
    """The chord on a scale degree, as (degree, root in semitones, index into CHORDS). Degrees without one fall to the plain triad."""
    root, third, fifth, seventh = (scale[(degree + 2 * i) % 7] for i in range(4))
    large = (third - root) % 12 == 4
    seventh_name = ("maj7" if (seventh - root) % 12 == 11 else "dom7") if large else "min7"
    for quality in ([seventh_name] if sevenths else []) + ["maj" if large else "min"]:
        if (root, quality) in tk.CHORD_INDEX:
            return degree, root, tk.CHORD_INDEX[root, quality]
    return _chord(scale, 0, sevenths)


def _drum_bars(rng: random.Random, style, kit: str, beats: int) -> list[list[int]]:
    if kit == "none":
        return []
    family = "epic" if kit == "orchestral" and "epic" not in style.drums else rng.choice(style.drums)
    kick, snare, hat = rng.choice(DRUM_PATTERNS_3 if beats == 3 else DRUM_PATTERNS[family])
    fill = rng.choice(FILLS_3 if beats == 3 else FILLS)
    tail = len(fill) - len(fill.lstrip("."))
    sound = "2" if "2" in snare and "1" not in snare else "1"
    filled = (kick, snare[:tail] + fill[tail:].replace("1", sound), hat[:tail] + "." * (len(fill) - tail))
    return [_hits(kick, snare, hat), _hits(*filled)]


def _hits(kick: str, snare: str, hat: str) -> list[int]:
    number = {".": 0, "x": 1, "1": 1, "2": 2}
    return [tk.HIT_INDEX[number[k], number[s], number[h], 0] for k, s, h in zip(kick, snare, hat)]


# ---------------------------------------------------------------- melody
def _motifs(rng: random.Random, style, lead: str, scale: tuple, loops: list, steps: int) -> list:
    """Two phrases of four bars (sections A and B): bar cells a b a c, each cell a rhythm and a contour relative to the chord."""
    if lead == "none":
        return []
    arpeggio = rng.random() < style.arpeggio
    octave = 12 if lead in HIGH_LEADS else 0
    pool = rng.sample(style.rhythms, min(3, len(style.rhythms))) if steps == 16 else rng.sample(RHYTHMS_3, 3)
    phrases = []
    for loop in loops:
        if arpeggio:
            cells = [_arpeggio(rng, steps)] * BARS_IN_PHRASE
        else:
            a, b, c = (_cell(rng, rng.choice(pool)) for _ in range(3))
            cells = [a, b, a, c if rng.random() < 0.5 else [(0, steps if steps == 12 else 12, 0)]]
        phrases.append([_in_scale(cell, scale, loop[bar % len(loop)][0], octave) for bar, cell in enumerate(cells)])
    return phrases


def _cell(rng: random.Random, rhythm: tuple) -> list[tuple[int, int, int]]:
    """One bar as (step, length, scale steps above the chord's root): chord tones on the beats, neighbours between."""
    notes, step, place = [], 0, rng.choice((0, 2, 2, 4))
    for length in rhythm:
        if length > 0:
            if step % 4 == 0 and length >= 2 and place % 2:
                place += rng.choice((-1, 1))
            if notes and notes[-1][2] == place and rng.random() < 0.7:
                place += -2 if place > 1 else 2
            notes.append((step, length, place))
        place = max(-3, min(7, place + rng.choice((-2, -1, -1, 1, 1, 2, 0))))
        step += abs(length)
    return notes


def _arpeggio(rng: random.Random, steps: int) -> list[tuple[int, int, int]]:
    order = rng.choice(((0, 2, 4, 7), (0, 2, 4, 2), (7, 4, 2, 0), (0, 4, 2, 4), (0, 4, 7, 4)))
    length = rng.choice((2, 2, 4)) if steps == 16 else 2
    return [(step, length, order[i % 4]) for i, step in enumerate(range(0, steps, length))]


def _in_scale(cell: list, scale: tuple, degree: int, octave: int) -> list[tuple[int, int, int]]:
    """Scale steps above the chord's root -> semitones above the tonic, within the lead's range."""
    root = degree if degree <= 3 else degree - 7
    notes = []
    for step, length, place in cell:
        semitones = octave + scale[(root + place) % 7] + 12 * ((root + place) // 7)
        notes.append((step, length, _fold(semitones, tk.LEAD_LOW, tk.LEAD_PITCHES)))
    return notes


def _fold(semitones: int, low: int, count: int) -> int:
    while semitones < low:
        semitones += 12
    while semitones >= low + count:
        semitones -= 12
    return semitones


# ---------------------------------------------------------------- rendering
def render(piece: Piece, first_bar: int, frames: int) -> np.ndarray:
    """Tokens int64 [4, frames] from the start of `first_bar`; a note held over from before the cut is struck anew."""
    metre = tk.METRES[piece.metre]
    bars = math.ceil(frames / metre.bar_frames)
    out = np.empty((tk.CODEBOOKS, bars * metre.bar_frames), np.int64)
    starts = metre.step_frames()
    lengths = np.diff(starts + [metre.bar_frames])
    base = tk.wait_token(piece.metre, 0) + np.arange(metre.bar_frames)
    for n in range(bars):
        span = slice(n * metre.bar_frames, (n + 1) * metre.bar_frames)
        steps = _bar(piece, first_bar + n, metre.steps)
        out[0, span] = base
        out[0, np.array(starts) + span.start] = steps[0]
        for codebook in (1, 2, 3):
            struck, after = steps[codebook]
            out[codebook, span] = np.repeat(after, lengths)
            out[codebook, np.array(starts) + span.start] = struck
    return out[:, :frames]


def _bar(piece: Piece, bar: int, steps: int) -> list:
    """One bar by steps: clock tokens, and per voice (token on the step's first frame, token on its other frames)."""
    section = (bar // 8) % 2
    loop = piece.loops[section]
    chord = loop[bar % len(loop)]
    following = loop[(bar + 1) % len(loop)]
    return [
        _drum_steps(piece, bar, steps),
        _chord_steps(piece, chord, steps),
        _bass_steps(piece, chord, following, steps),
        _lead_steps(piece, bar, section, steps),
    ]


def _drum_steps(piece: Piece, bar: int, steps: int) -> list[int]:
    if piece.kit == "none":
        return [0] * steps
    kit = tk.KITS.index(piece.kit)
    hits = list(piece.drum_bars[bar % BARS_IN_PHRASE == BARS_IN_PHRASE - 1])
    if piece.crash and bar % 8 == 0:
        hits[0] = tk.HIT_INDEX[1, 0, 0, 1]
    return [tk.step_token(kit, hit) for hit in hits]


def _spans(pattern: str):
    """(step, letter, length) of every note of a pattern string."""
    for step, letter in enumerate(pattern):
        if letter not in "-.":
            yield step, letter, len(pattern[step + 1 :]) - len(pattern[step + 1 :].lstrip("-")) + 1


def _voice(steps: int, notes: dict, rest) -> tuple[list[int], list[int]]:
    """`notes`: step -> (length, token function of kind); `rest`: token function before the first note of the bar."""
    struck, after, token, left = [], [], rest, 0
    for step in range(steps):
        fresh = step in notes
        if fresh:
            left, token = notes[step]
        struck.append(token(tk.ON if fresh else tk.HOLD if left > 0 else tk.REST))
        after.append(token(tk.HOLD if left > 0 else tk.REST))
        left -= 1
    return struck, after


def _chord_steps(piece: Piece, chord: tuple, steps: int) -> tuple[list[int], list[int]]:
    instrument = tk.CHORD_INSTRUMENTS.index(piece.chords) if piece.chords != "none" else 0

    def token(kind: int) -> int:
        return tk.chord_token(kind, piece.key, chord[2], instrument)

    notes = {step: (length, token) for step, _, length in _spans(piece.chord_pattern)} if piece.chords != "none" else {}
    return _voice(steps, notes, token)


def _bass_steps(piece: Piece, chord: tuple, following: tuple, steps: int) -> tuple[list[int], list[int]]:
    timbre = tk.BASS_TIMBRES.index(piece.bass) if piece.bass != "none" else 0
    root = _fold(chord[1], tk.BASS_LOW, 12)
    intervals = tk.QUALITIES[tk.CHORDS[chord[2]][1]]
    next_root = _fold(following[1], tk.BASS_LOW, 12)
    pitches = {
        "r": root,
        "t": root + intervals[1],
        "f": root + intervals[2],
        "o": root + 12,
        "a": _below(next_root, piece.major),
    }

    def note(letter: str):
        return lambda kind: tk.bass_token(kind, _fold(pitches[letter], tk.BASS_LOW, tk.BASS_PITCHES), timbre)

    rest = note("r") if piece.bass != "none" else lambda kind: tk.bass_token(tk.REST, 0, 0)
    notes = (
        {step: (length, note(letter)) for step, letter, length in _spans(piece.bass_pattern)}
        if piece.bass != "none"
        else {}
    )
    return _voice(steps, notes, rest)


def _below(semitones: int, major: bool) -> int:
    """The scale step below: how a walking bass leads into the next root."""
    scale = MAJOR if major else MINOR
    return next(semitones - down for down in (1, 2, 3) if (semitones - down) % 12 in scale)


def _lead_steps(piece: Piece, bar: int, section: int, steps: int) -> tuple[list[int], list[int]]:
    timbre = tk.LEAD_TIMBRES.index(piece.lead) if piece.lead != "none" else 0

    def note(pitch: int):
        return lambda kind: tk.lead_token(kind, pitch, timbre)

    notes = {}
    if piece.motifs and bar >= piece.lead_from:
        notes = {
            step: (length, note(pitch))
            for step, length, pitch in piece.motifs[section][bar % BARS_IN_PHRASE]
            if step < steps
        }
    return _voice(steps, notes, note(0))


def attributes(piece: Piece) -> list[int]:
    """Class indices that the auxiliary heads of the text encoder learn to read off the words; sizes in ATTRIBUTES."""
    return [
        piece.metre, tk.KITS.index(piece.kit), (tk.BASS_TIMBRES + ["none"]).index(piece.bass),
        (tk.CHORD_INSTRUMENTS + ["none"]).index(piece.chords), (tk.LEAD_TIMBRES + ["none"]).index(piece.lead), piece.key,
        int(piece.major), int(tk.METRES[piece.metre].beats == 3), STYLE_NAMES.index(piece.style), int(piece.swing),
    ]  # fmt: skip


ATTRIBUTES = {
    "metre": len(tk.METRES), "kit": len(tk.KITS), "bass": len(tk.BASS_TIMBRES) + 1, "chords": len(tk.CHORD_INSTRUMENTS) + 1,
    "lead": len(tk.LEAD_TIMBRES) + 1, "key": 12, "major": 2, "three": 2, "style": len(STYLE_NAMES), "swing": 2,
}  # fmt: skip
