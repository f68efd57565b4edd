"""What each style is made of: tempo, instruments, patterns, and the words people use for it.

Patterns are strings of 16th steps, one bar long (16 steps in 4/4, 12 in 3/4):
- chords: `o` strikes the chord, `-` holds it, `.` is silence;
- bass: `r` root, `t` third, `f` fifth, `o` octave, `a` the scale step below the next root, `-` and `.` as above;
- drums: three lines (kick, snare, hat); `x` or `1` and `2` choose the sound, `.` is silence.
"""

from dataclasses import dataclass, field

# progressions: scale degrees, 0-based; one chord a bar
MAJOR_LOOPS = [
    (0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 4, 3), (0, 3, 0, 4), (0, 2, 3, 4), (0, 0, 3, 4), (0, 4, 3, 3), (0, 5, 1, 4),
    (0, 3, 5, 4), (5, 3, 0, 4), (3, 4, 2, 5), (1, 4, 0, 0),
]  # fmt: skip
MINOR_LOOPS = [
    (0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 6), (0, 5, 3, 4), (0, 2, 6, 3), (0, 0, 5, 6), (0, 3, 6, 2), (0, 5, 6, 0),
    (0, 4, 5, 3), (0, 0, 3, 4), (0, 6, 5, 4), (5, 6, 0, 0),
]  # fmt: skip

CHORD_PATTERNS = {
    "whole": "o---------------",
    "half": "o-------o-------",
    "quarters": "o---o---o---o---",
    "eighths": "o-o-o-o-o-o-o-o-",
    "push": "o-----o---------",
    "strum": "o---o-o-..o-o-o-",
    "rock": "o-----o-o---o---",
    "stab": "o..o..o...o.....",
    "clave": "o..o..o.....o...",
    "offbeat": "..o-..o-..o-..o-",
    "house": "o-.o-.o-...o-.o-",
    "comp": "o-....o---......",
    "charleston": "..o-..o---..o-..",
    "skank": "....o.......o...",
}
CHORD_PATTERNS_3 = {"waltz": "....o---o---", "broken": "o---o---o---", "bar": "o-----------"}

BASS_PATTERNS = {
    "root": "r-------r-------",
    "root fifth": "r-------f-------",
    "drone": "r---------------",
    "eighths": "r-r-r-r-r-r-r-r-",
    "octaves": "r-o-r-o-r-o-r-o-",
    "offbeat": "..r-..r-..r-..r-",
    "syncopated": "r--r--o---r-----",
    "funk": "r--r..o.r.f-o.r.",
    "rock": "r---..r-r---f-f-",
    "acid": "r.rorr.or.ror.fo",
    "rolling": "..rr..rr..rr..rr",
    "break": "r-----....r-----",
    "reese": "r---------f-----",
    "walking": "r---t---f---a---",
    "ostinato": "r-rrr-rrr-rrf-rr",
    "boom": "r-----r---....f-",
}
BASS_PATTERNS_3 = {"waltz": "r---........", "bar": "r-----------"}

# (kick, snare, hat), each a bar
DRUM_PATTERNS = {
    "four": [
        ("x...x...x...x...", "....2.......2...", "..2...2...2...2."),
        ("x...x...x...x...", "................", "1.2.1.2.1.2.1.2."),
        ("x...x...x...x...", "....2.......2...", "1111111111111111"),
        ("x...x...x...x...", "....2.......2...", "1.2.1.2.1.2.1.2."),
    ],
    "rock": [
        ("x.......x.......", "....1.......1...", "1.1.1.1.1.1.1.1."),
        ("x.......x.x.....", "....1.......1...", "1.1.1.1.1.1.1.1."),
        ("x.....x...x.....", "....1.......1...", "2...2...2...2..."),
        ("x.......x.x...x.", "....1.......1...", "2.1.1.1.2.1.1.1."),
    ],
    "eighties": [
        ("x.......x.......", "....1.......1...", "1.1.1.1.1.1.1.1."),
        ("x...x...x...x...", "....1.......1...", "1.1.1.1.1.1.1.1."),
        ("x.....x.x.......", "....1.......1...", "1111111111111111"),
    ],
    "funk": [
        ("x.....x...x.....", "....1..1....1...", "1111111111111111"),
        ("x..x....x.x.....", "....1.......1..1", "1.1.1.1.1.1.1.2."),
        ("x.x.......x..x..", "....1.......1...", "1111112111111121"),
    ],
    "lofi": [
        ("x.........x.....", "....1.......1...", "1.1.1.1.1.1.1.1."),
        ("x......x..x.....", "....1.......1...", "1.1.1.1.1.1.1.1."),
        ("x.....x...x.....", "....1.......1...", "1.1.1.1.1.1.1.2."),
    ],
    "hip hop": [
        ("x......x..x.....", "....1.......1...", "1.1.1.1.1.1.1.1."),
        ("x.........x..x..", "....2.......2...", "1111111111111111"),
        ("x..x......x.....", "....1.......1...", "1.1.1.1.1.1.1.2."),
    ],
    "trap": [
        ("x.....x...x.....", "........2.......", "1.1.1.111.1.1.11"),
        ("x......x..x.....", "........2.......", "1.1.1.1.1.111111"),
    ],
    "swing": [
        ("x.......x.......", "....2.......2...", "2...2.2.2...2.2."),
        ("x...............", "......2.......2.", "2...2.2.2...2.2."),
        ("................", "....2.......2...", "2...2.2.2...2.2."),
    ],
    "epic": [
        ("x.....x.x.....x.", "................", "................"),
        ("x..x..x.x..x..x.", "............1...", "................"),
        ("x.......x.x.x...", "....1.......1...", "1.1.1.1.1.1.1.1."),
        ("x...x...x...x...", "............1111", "................"),
    ],
    "breakbeat": [
        ("x.........x.....", "....1.......1...", "1.1.1.1.1.1.1.1."),
        ("x.........x.....", "....1..1.1..1...", "1.1.1.1.1.1.1.1."),
        ("x.x.......x.....", "....1.......1..1", "2.2.2.2.2.2.2.2."),
    ],
    "train": [
        ("x.......x.......", "....1.......1...", "1.1.1.1.1.1.1.1."),
        ("x...x...x...x...", "..1...1...1...1.", "................"),
    ],
}
DRUM_PATTERNS_3 = [
    ("x...........", "....2...2...", "............"),
    ("x...........", "............", "....1...1..."),
    ("x...........", "....2...2...", "1.1.1.1.1.1."),
]
FILLS = ["............1.11", "............1111", "..............11", "........1..1..1."]
FILLS_3 = ["........1.1.", "..........11"]

# lead rhythms: note lengths in steps, one bar in sum; negative is a rest
CALM_RHYTHMS = [(8, 8), (12, 4), (4, 4, 8), (8, 4, 4), (-4, 4, 8), (6, 2, 8), (4, 12), (16,), (-8, 4, 4)]
SONG_RHYTHMS = [
    (4, 4, 4, 4),
    (6, 2, 8),
    (4, 2, 2, 8),
    (2, 2, 4, 8),
    (6, 6, 4),
    (3, 3, 2, 8),
    (4, 4, 8),
    (-2, 2, 4, 8),
    (6, 2, 4, 4),
]
BUSY_RHYTHMS = [
    (2, 2, 2, 2, 4, 4),
    (3, 3, 2, 3, 3, 2),
    (2, 2, 4, 2, 2, 4),
    (1, 1, 2, 4, 1, 1, 2, 4),
    (-2, 2, 2, 2, 4, 4),
    (2,) * 8,
    (3, 3, 2, 4, 4),
    (4, 2, 2, 3, 3, 2),
]
SWING_RHYTHMS = [
    (4, 2, 2, 4, 4),
    (-4, 2, 2, 4, 2, 2),
    (2, 2, 4, 6, -2),
    (6, 2, 4, 4),
    (4, 4, 2, 2, -4),
    (-2, 2, 4, 8),
    (2, 2, 2, 2, 8),
]
RHYTHMS_3 = [(4, 4, 4), (8, 4), (12,), (6, 2, 4), (4, 2, 2, 4), (4, 8), (2, 2, 4, 4)]


@dataclass(frozen=True)
class Style:
    bpm: tuple[int, int]
    major: float  # share of pieces in major
    kits: list[str]
    drums: list[str]  # pattern families
    basses: list[str]
    bass_patterns: list[str]
    chords: list[str]
    chord_patterns: list[str]
    leads: list[str]
    rhythms: list[tuple]
    sevenths: float  # share of pieces whose chords have sevenths
    energy: int  # 0 calm, 1 moderate, 2 loud
    genres: list[str]
    moods: list[str]
    swing: float = 0.0
    arpeggio: float = 0.0  # share of pieces whose lead plays broken chords
    weight: float = 1.0
    metre3: float = 0.03  # share in 3/4


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


STYLES = {
    "lofi": Style(
        (66, 92), 0.4, ["lofi"], ["lofi"], ["sub", "finger", "upright"], ["root", "syncopated", "drone"], ["epiano", "epiano", "piano", "guitar"],
        ["whole", "half", "push"], ["piano", "bell", "guitar", "flute", "sax", "none"], CALM_RHYTHMS + SONG_RHYTHMS, 1.0, 0,
        _words("lofi, lo-fi, lofi hip hop, lo-fi hip hop, chillhop, study beats, lofi beats, chill beats, chill hop, lofi jazz, study music, background beats, chillout"),
        _words("calm, chill, relaxing, mellow, cozy, laid back, sleepy, nostalgic, dreamy, rainy, late night, rainy day, warm, soft, hazy, lazy"), swing=0.6, weight=1.2,
    ),
    "ambient": Style(
        (60, 82), 0.5, ["none"], ["lofi"], ["none", "bowed", "sub"], ["drone"], ["pad", "pad", "strings"], ["whole"], ["flute", "bell", "synth", "piano", "none"],
        CALM_RHYTHMS, 0.6, 0,
        _words("ambient, ambient soundscape, drone, meditation music, new age, atmospheric, soundscape, space music, sleep music, spa music, yoga music, ambient pads, meditation, texture"),
        _words("calm, peaceful, ethereal, floating, serene, dreamy, meditative, soothing, spacious, mysterious, quiet, deep, cosmic, gentle, warm, slow evolving, airy, healing"), weight=1.1, arpeggio=0.1,
    ),
    "techno": Style(
        (124, 146), 0.05, ["electronic"], ["four"], ["acid", "sub"], ["acid", "offbeat", "rolling", "eighths"], ["stab", "pad", "none"], ["stab", "whole", "offbeat", "clave"],
        ["synth", "none", "none", "bell"], BUSY_RHYTHMS, 0.2, 2,
        _words("techno, acid techno, minimal techno, rave, warehouse techno, trance, electro, hard techno, psytrance, detroit techno, industrial techno, club techno"),
        _words("driving, hypnotic, dark, pounding, fast, energetic, relentless, intense, aggressive, club, mechanical, raw, pulsating, heavy"), weight=1.2, arpeggio=0.4,
    ),
    "house": Style(
        (116, 128), 0.4, ["electronic"], ["four"], ["sub", "acid", "finger"], ["offbeat", "syncopated", "octaves", "eighths"], ["stab", "piano", "organ", "epiano"],
        ["stab", "offbeat", "house", "clave"], ["synth", "piano", "none", "flute", "sax"], SONG_RHYTHMS + BUSY_RHYTHMS, 0.5, 2,
        _words("house, deep house, disco, dance, edm, dance music, nu disco, club music, electronic dance, progressive house, tropical house, dance pop, electronica, pop"),
        _words("groovy, uplifting, happy, energetic, funky, party, feel good, summer, upbeat, danceable, sunny, euphoric, positive, bright, catchy"), arpeggio=0.15,
    ),
    "rock": Style(
        (96, 160), 0.5, ["acoustic"], ["rock"], ["finger"], ["eighths", "root", "rock"], ["distorted", "distorted", "distorted", "guitar"], ["eighths", "rock", "half", "strum"],
        ["guitar", "guitar", "none"], SONG_RHYTHMS + BUSY_RHYTHMS, 0.05, 2,
        _words("rock, hard rock, punk rock, indie rock, alternative rock, grunge, guitar rock, garage rock, metal, heavy metal, punk, stadium rock, blues rock, rock and roll"),
        _words("energetic, powerful, loud, raw, aggressive, driving, anthemic, heavy, rebellious, intense, gritty, angry, fierce, wild"),
    ),
    "jazz": Style(
        (84, 152), 0.55, ["brush"], ["swing"], ["upright"], ["walking"], ["piano", "piano", "guitar", "organ"], ["comp", "charleston", "half"], ["brass", "piano", "flute", "sax", "sax", "none"],
        SWING_RHYTHMS, 1.0, 1,
        _words("jazz, swing, smooth jazz, jazz trio, bebop, swing jazz, lounge jazz, cool jazz, big band, jazz quartet, jazz combo, jazz ballad, lounge, jazz club, blues"),
        _words("smooth, swinging, cool, smoky, late night, sophisticated, warm, playful, relaxed, classy, laid back, elegant, romantic, jazzy"), swing=0.95, weight=1.2,
    ),
    "epic": Style(
        (75, 140), 0.15, ["orchestral"], ["epic"], ["bowed"], ["ostinato", "root", "eighths"], ["strings"], ["eighths", "whole", "half", "quarters"], ["brass", "violin", "brass", "none"],
        CALM_RHYTHMS + SONG_RHYTHMS, 0.05, 2,
        _words("orchestral, epic orchestral, cinematic, film score, epic, trailer music, symphonic, soundtrack, movie score, orchestra, fantasy battle, epic cinematic, symphony, battle music, film music, movie trailer, adventure score"),
        _words("epic, heroic, dramatic, powerful, triumphant, majestic, intense, grand, adventurous, dark, tense, thrilling, massive, huge, glorious, bold, suspenseful"), weight=1.3,
    ),
    "classical": Style(
        (66, 130), 0.6, ["none"], ["epic"], ["bowed", "none"], ["root", "root fifth", "drone"], ["strings", "piano", "strings"], ["quarters", "whole", "half"], ["violin", "flute", "piano", "violin"],
        CALM_RHYTHMS + SONG_RHYTHMS + [(2,) * 8, (4, 4, 2, 2, 4)], 0.1, 0,
        _words("classical, chamber music, string quartet, baroque, classical music, sonata, romantic classical, chamber orchestra, string ensemble piece, adagio, minuet, concerto"),
        _words("elegant, graceful, gentle, melancholic, romantic, beautiful, delicate, emotional, lyrical, refined, noble, light, tender"), arpeggio=0.2, metre3=0.1,
    ),
    "dnb": Style(
        (160, 180), 0.15, ["electronic", "acoustic"], ["breakbeat"], ["sub", "acid"], ["break", "reese", "drone"], ["pad", "stab", "epiano", "none"], ["whole", "stab", "push"], ["synth", "bell", "none"],
        CALM_RHYTHMS + SONG_RHYTHMS, 0.5, 2,
        _words("drum and bass, dnb, jungle, drum n bass, liquid drum and bass, breakbeat, breakcore, neurofunk, drum & bass, d&b, liquid dnb"),
        _words("fast, energetic, intense, dark, frantic, rolling, futuristic, aggressive, liquid, hyper, rushing, heavy, deep"), arpeggio=0.1,
    ),
    "waltz": Style(
        (84, 168), 0.6, ["none", "none", "brush"], ["swing"], ["bowed", "finger", "upright"], ["waltz", "bar"], ["piano", "strings", "guitar"], ["waltz", "broken", "bar"], ["piano", "violin", "flute", "bell"],
        RHYTHMS_3, 0.15, 1,
        _words("waltz, waltz in three four, 3/4 waltz, viennese waltz, ballroom waltz, slow waltz, waltz dance, french waltz, musette"),
        _words("elegant, romantic, graceful, nostalgic, playful, gentle, charming, sentimental, whirling, old fashioned, dreamy, light"), metre3=1.0,
    ),
    "synthwave": Style(
        (80, 125), 0.3, ["electronic"], ["eighties"], ["acid", "sub"], ["eighths", "octaves"], ["pad", "stab", "pad"], ["whole", "half", "push"], ["synth", "synth", "bell", "none"],
        SONG_RHYTHMS + CALM_RHYTHMS, 0.2, 1,
        _words("synthwave, 80s pop, retrowave, synth pop, 80s synth, eighties, outrun, new wave, 80s electronic, 80s, vaporwave, 1980s pop, darksynth, electro pop"),
        _words("nostalgic, retro, neon, driving, dreamy, cool, upbeat, shiny, night drive, cinematic, glowing, cruising"), arpeggio=0.35,
    ),
    "chip": Style(
        (110, 165), 0.65, ["electronic"], ["eighties", "four"], ["acid", "sub"], ["octaves", "eighths"], ["stab", "none", "stab"], ["stab", "offbeat", "quarters"], ["chip"],
        BUSY_RHYTHMS + SONG_RHYTHMS, 0.05, 2,
        _words("chiptune, 8-bit, 8 bit, video game, retro game, game music, arcade, nes, pixel, 8bit, video game music, gameboy, platformer, chip music, boss battle, 16-bit"),
        _words("happy, fun, playful, cheerful, energetic, bouncy, upbeat, cute, adventurous, quirky, silly, bright, jumpy"), weight=0.9, arpeggio=0.35,
    ),
    "ballad": Style(
        (60, 90), 0.45, ["none"], ["lofi"], ["none"], ["root"], ["piano"], ["half", "quarters", "whole", "push"], ["piano", "piano", "piano", "violin", "none"],
        CALM_RHYTHMS + SONG_RHYTHMS, 0.3, 0,
        _words("piano, solo piano, piano ballad, piano solo, soft piano, piano piece, emotional piano, ballad, piano music, love song, lullaby, piano theme"),
        _words("sad, emotional, melancholic, gentle, tender, intimate, calm, romantic, reflective, soft, slow, beautiful, sorrowful, heartbroken, wistful, lonely, touching, hopeful"), arpeggio=0.5, metre3=0.06, weight=1.1,
    ),
    "folk": Style(
        (80, 130), 0.75, ["none", "brush", "acoustic"], ["train", "rock"], ["finger", "upright", "none"], ["root fifth", "root", "rock"], ["guitar"], ["strum", "quarters", "eighths"], ["violin", "flute", "guitar", "none"],
        SONG_RHYTHMS, 0.1, 1,
        _words("folk, acoustic, country, acoustic guitar, singer songwriter, bluegrass, celtic, campfire, acoustic folk, irish folk, indie folk, country ballad, americana, acoustic pop"),
        _words("warm, happy, gentle, rustic, cheerful, sunny, peaceful, uplifting, heartfelt, homely, simple, hopeful, carefree"), metre3=0.1, arpeggio=0.15,
    ),
    "hiphop": Style(
        (76, 100), 0.1, ["electronic", "acoustic"], ["hip hop", "trap"], ["sub"], ["boom", "syncopated", "drone"], ["piano", "strings", "epiano"], ["half", "whole", "push", "stab"], ["bell", "flute", "none", "brass"],
        CALM_RHYTHMS + SONG_RHYTHMS, 0.4, 1,
        _words("hip hop, trap, rap beat, boom bap, hip-hop beat, trap beat, r&b, hip-hop, hiphop, rap, rap instrumental, drill, rnb, freestyle beat"),
        _words("dark, hard, confident, gritty, smooth, bouncy, urban, moody, street, cold, swaggering, minimal, ominous"), swing=0.3,
    ),
    "funk": Style(
        (92, 120), 0.4, ["acoustic"], ["funk"], ["finger"], ["funk", "octaves", "syncopated"], ["guitar", "organ", "epiano"], ["clave", "offbeat", "skank", "house"], ["brass", "synth", "none", "sax"],
        BUSY_RHYTHMS + SONG_RHYTHMS, 0.7, 2,
        _words("funk, soul, motown, funky, reggae, groove, funk band, disco funk, afrobeat, ska, funk jam, latin funk"),
        _words("groovy, funky, upbeat, happy, tight, cool, feel good, energetic, sassy, playful, slick"), swing=0.15,
    ),
}  # fmt: skip
STYLE_NAMES = list(STYLES)
