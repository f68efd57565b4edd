"""Writes the text that goes with a piece: a random subset of its facts, in random order and wording."""

import random

import tokens as tk
from composer import Piece
from styles import STYLES, _words

KEY_SPELLINGS = [
    _words("C"), _words("C sharp, D flat, C#, Db"), _words("D"), _words("E flat, D sharp, Eb, D#"), _words("E"), _words("F"),
    _words("F sharp, G flat, F#, Gb"), _words("G"), _words("A flat, G sharp, Ab, G#"), _words("A"), _words("B flat, A sharp, Bb, A#"), _words("B"),
]  # fmt: skip
CHORD_WORDS = {
    "piano": "piano, grand piano, keys, piano chords, upright piano, soft piano chords, keyboard, gentle keys",
    "epiano": "electric piano, rhodes, rhodes piano, mellow keys, wurlitzer, rhodes chords, electric piano chords, e-piano",
    "organ": "organ, hammond organ, church organ, hammond, organ chords, pipe organ",
    "pad": "synth pad, warm pads, pads, lush pads, atmospheric pads, pad, synth pads, ambient pads, washes of synth, soft pads",
    "strings": "strings, string section, lush strings, violins and cellos, string ensemble, sweeping strings, orchestral strings, string quartet",
    "guitar": "guitar, acoustic guitar, guitars, guitar chords, strummed guitar, clean guitar, strumming guitar, strummed acoustic guitar, rhythm guitar, nylon guitar, fingerpicked guitar",
    "distorted": "electric guitar, distorted guitar, electric guitars, power chords, heavy guitar, overdriven guitar, fuzzy guitar, crunchy guitars, distorted guitars, heavy riffs, loud guitars",
    "stab": "synth stabs, synth chords, chord stabs, synths, synthesizer, stabs, plucky synth, synth plucks, bright synths, rave stabs",
}
BASS_WORDS = {
    "sub": "sub bass, deep bass, 808 bass, sub, deep sub bass, 808s, low bass, booming bass",
    "finger": "bass guitar, electric bass, bassline, bass, slap bass, fingered bass, funky bass, bass line, groovy bassline",
    "upright": "upright bass, double bass, walking bass, acoustic bass, standup bass, plucked bass",
    "acid": "acid bass, synth bass, saw bass, 303 bassline, analog bass, synth bassline, acid bassline, squelchy bass, buzzing bass, 303",
    "bowed": "cello, contrabass, low strings, cellos, bowed bass, basses and cellos, low cello",
}
LEAD_WORDS = {
    "piano": "piano melody, piano lead, piano, piano solo, piano line, melody on piano",
    "flute": "flute, flute melody, flute solo, pan flute, flutes, recorder, whistle, tin whistle, clarinet",
    "synth": "synth lead, lead synth, synth melody, arpeggios, synth line, synth arpeggio, analog lead, synth solo, arpeggiated synth",
    "chip": "square lead, chip lead, 8-bit lead, bleeps, square wave melody, pulse lead, 8-bit melody, bleeping melody, square wave",
    "bell": "bells, music box, vibraphone, marimba, glockenspiel, bell, chimes, celesta, xylophone, bell melody, kalimba",
    "violin": "violin, violin melody, fiddle, solo violin, violin solo, fiddle melody, viola, violin lead",
    "guitar": "guitar solo, lead guitar, guitar melody, guitar riff, guitar lead, guitar licks, guitar line, wailing guitar",
    "brass": "brass, trumpet, horns, french horns, trumpet solo, brass section, trombone, horn section, muted trumpet, brass melody, french horn, trumpets, fanfare",
    "sax": "saxophone, sax, sax solo, tenor sax, saxophone solo, sax melody, alto sax, saxophone melody, sultry sax",
}
KIT_WORDS = {
    "acoustic": "drums, drum kit, live drums, acoustic drums, punchy drums, real drums, rock drums, drum set, hard hitting drums",
    "electronic": "drum machine, electronic drums, 808 drums, 909 drums, electronic beat, drums, 808s and hats, club beat, programmed drums, claps, hi hats",
    "lofi": "soft drums, dusty drums, lofi drums, soft beat, vinyl drums, drums, mellow drums, gentle beat, lo-fi beat",
    "brush": "brushes, brushed drums, jazz drums, light drums, ride cymbal, soft brushes, brush drums, swinging drums",
    "orchestral": "timpani, orchestral percussion, taiko drums, big drums, cinematic percussion, war drums, taikos, thundering drums, epic drums, percussion",
}
CHORD_WORDS, BASS_WORDS, LEAD_WORDS, KIT_WORDS = (
    {k: _words(v) for k, v in table.items()} for table in (CHORD_WORDS, BASS_WORDS, LEAD_WORDS, KIT_WORDS)
)

NO_DRUMS = _words(
    "no drums, without drums, no percussion, drumless, without percussion, no beat, beatless, without any drums"
)
NO_BASS = _words("no bass, without bass")
NO_LEAD = _words("no melody, no lead, without melody, chords only, no solo")
FOUR = _words(
    "four on the floor, 4/4 kick, pounding kick, steady kick drum, four to the floor, thumping kick, kick on every beat"
)
SWING = _words("swing feel, swung, shuffle, swing rhythm, shuffled, swinging rhythm")
THREE = _words("3/4, three four time, triple meter, 3/4 time, in three, waltz time")
ARPEGGIO = _words("arpeggio, arpeggios, broken chords, arpeggiated")
MAJOR_WORDS = _words(
    "in a major key, major key, happy, bright, cheerful, joyful, major, uplifting, optimistic, in major"
)
MINOR_WORDS = _words(
    "in a minor key, minor key, sad, dark, melancholic, minor, gloomy, moody, sombre, in minor, somber, brooding"
)
NOUNS = _words(
    "music, track, song, tune, instrumental, beat, piece, melody, loop, theme, groove, jam, background music, composition, score, soundtrack, anthem, number"
)
OPENINGS = _words(
    "a, an, please make a, create, generate, some, i want, make me a, give me, play, write a, compose a, a short, short, the, can you make, something"
)
USES = _words(
    "for studying, for sleeping, for a video, for a party, for the gym, for a game, for dancing, for relaxing, for driving, for a film, for a wedding, for yoga, "
    "in the background, at night, in the morning, by the sea, on a sunday, in space, under the stars, for a walk, with a nice groove, with a catchy hook, from the heart"
)  # fmt: skip
UNRELATED_NUMBERS = _words(
    "10 seconds, 30 seconds, 60 seconds, 2 minutes, one minute, 30 second, 15 sec, 3 minutes, 1 minute"
)


def caption(piece: Piece, rng: random.Random) -> str:
    style = STYLES[piece.style]
    head = [
        rng.choice(style.moods) if rng.random() < 0.6 else "",
        rng.choice(style.genres) if rng.random() < 0.85 else "",
    ]
    if rng.random() < 0.1:
        head.insert(0, rng.choice(style.moods))
    tempo, key, band = _tempo_words(piece, rng), _key_words(piece, rng), _band_words(piece, rng)
    if not any(head) and not band:
        head[1] = rng.choice(style.genres)
    text = _sentence(head, tempo, key, band, rng) if rng.random() < 0.6 else _list(head, tempo, key, band, rng)
    if rng.random() < 0.15:
        text += " " + rng.choice(USES)
    if rng.random() < 0.04:
        text += ", " + rng.choice(UNRELATED_NUMBERS)
    return text


def _tempo_words(piece: Piece, rng: random.Random) -> str:
    # what is written is what was asked, not the nearest the clock has: the model learns the rounding
    bpm, chance = int(piece.bpm), rng.random()
    if chance < 0.42:
        return rng.choice(
            (
                "at {} bpm",
                "{} bpm",
                "{}bpm",
                "tempo {}",
                "bpm {}",
                "{} beats per minute",
                "at {} bpm",
                "at a tempo of {}",
                "tempo of {} bpm",
                "at {}",
            )
        ).format(bpm)
    if chance > 0.64:
        return ""
    words = {
        72: "very slow, slow, slow tempo, slowly, at a slow pace",
        90: "slow, slow tempo, laid back tempo, relaxed tempo, unhurried",
        118: "mid tempo, moderate tempo, medium tempo, midtempo, steady, walking pace, moderate",
        145: "upbeat, fast, uptempo, lively, quick, up tempo, brisk",
        999: "fast, very fast, fast tempo, rapid, high speed, breakneck, furious",
    }
    return rng.choice(_words(next(text for limit, text in words.items() if bpm < limit)))


def _key_words(piece: Piece, rng: random.Random) -> str:
    if rng.random() < 0.5:
        mode = rng.choice(("major", "major", "major", "maj") if piece.major else ("minor", "minor", "minor", "min"))
        name = f"{rng.choice(KEY_SPELLINGS[piece.key])} {mode}"
        return rng.choice(("in {}", "in {}", "{}", "key of {}", "in the key of {}", "key {}")).format(name)
    if rng.random() < 0.3:
        return rng.choice(MAJOR_WORDS if piece.major else MINOR_WORDS)
    return ""


def _band_words(piece: Piece, rng: random.Random) -> list[str]:
    words = []
    alone = piece.kit == "none" and piece.bass == "none" and piece.chords == "piano" and piece.lead in ("piano", "none")
    if alone and rng.random() < 0.6:
        return [rng.choice(_words("solo piano, piano only, just piano, only piano, piano alone, unaccompanied piano"))]
    for name, table, share in (
        (piece.chords, CHORD_WORDS, 0.5),
        (piece.bass, BASS_WORDS, 0.4),
        (piece.lead, LEAD_WORDS, 0.5),
        (piece.kit, KIT_WORDS, 0.4),
    ):
        if name != "none" and rng.random() < share:
            words.append(rng.choice(table[name]))
    for missing, table, share in ((piece.kit, NO_DRUMS, 0.5), (piece.bass, NO_BASS, 0.06), (piece.lead, NO_LEAD, 0.06)):
        if missing == "none" and rng.random() < share:
            words.append(rng.choice(table))
    if piece.kit != "none" and STYLES[piece.style].drums == ["four"] and rng.random() < 0.25:
        words.append(rng.choice(FOUR))
    if piece.swing and rng.random() < 0.3:
        words.append(rng.choice(SWING))
    if tk.METRES[piece.metre].beats == 3 and rng.random() < 0.5:
        words.append(rng.choice(THREE))
    rng.shuffle(words)
    return words


def _sentence(head: list[str], tempo: str, key: str, band: list[str], rng: random.Random) -> str:
    noun = rng.choice(NOUNS) if rng.random() < 0.5 else ""
    opening = rng.choice(OPENINGS) if rng.random() < 0.3 else ""
    subject = " ".join(part for part in (opening, *head, noun) if part)
    facts = [part for part in (tempo, key) if part]
    rng.shuffle(facts)
    players = ""
    if band:
        joined = rng.choice((", ", " and ")).join(band) if len(band) < 3 else ", ".join(band[:-1]) + " and " + band[-1]
        players = rng.choice(("with ", "with ", "featuring ", "and ", "")) + joined
    parts = [subject, " ".join(facts), players] if rng.random() < 0.6 else [subject, players, " ".join(facts)]
    if rng.random() < 0.15:
        rng.shuffle(parts)
    text = rng.choice((" ", ", ", " ", ". ")).join(part for part in parts if part)
    return text[:1].upper() + text[1:] if rng.random() < 0.3 else text


def _list(head: list[str], tempo: str, key: str, band: list[str], rng: random.Random) -> str:
    parts = [part for part in (*head, tempo, key, *band) if part]
    if rng.random() < 0.7:
        rng.shuffle(parts)
    return rng.choice((", ", ", ", " ", "; ")).join(parts)
