"""Text -> ids, here and as a Hugging Face `tokenizer.json`. Both are made from RULES, SPLIT and the vocabulary.

Lower case; regex rules fuse note, accidental and mode into one key word ("F# minor" -> "key_fs minor") and bring stated
tempi into the range of known numbers; words and numbers are split off; a word that is not in the vocabulary is <unk>.
The model type is WordPiece without continuation pieces, which is a word-level lookup that every library implements.
"""

import random
import re
from collections import Counter

PAD_ID, EOS_ID, UNK_ID = 0, 1, 2
SPECIALS = ["<pad>", "</s>", "<unk>"]
NUMBERS = range(40, 221)  # tempi known one by one; what is said outside is brought to the nearest end
KEY_NAMES = [
    "key_c",
    "key_cs",
    "key_d",
    "key_ds",
    "key_e",
    "key_f",
    "key_fs",
    "key_g",
    "key_gs",
    "key_a",
    "key_as",
    "key_b",
]
SPLIT = "key_[a-g]s?|[a-z]+|[0-9]+"


def _rules() -> list[tuple[str, str]]:
    rules = [
        (rf"\b(?:19)?{n}0'?s\b", word)
        for n, word in ((6, "sixties"), (7, "seventies"), (8, "eighties"), (9, "nineties"))
    ]
    rules.append((r"(?<=[0-9])\.[0-9]+", ""))
    low, high = r"0*(?:[0-9]|[1-3][0-9])", r"0*(?:22[1-9]|2[3-9][0-9]|[3-9][0-9]{2}|[1-9][0-9]{3,})"
    for number, nearest in ((low, NUMBERS[0]), (high, NUMBERS[-1])):
        rules.append((rf"(?<![0-9]){number}(?=[ -]?(?:bpm|beats per minute)\b)", str(nearest)))
        rules += [
            (rf"(?<=\b{before}){number}(?![0-9])", str(nearest))
            for before in ("bpm ", "bpm: ", "bpm=", "tempo ", "tempo: ", "tempo of ")
        ]
    mode = r"(?:major|minor|maj|min)\b"
    sharps = {"c": "key_cs", "d": "key_ds", "e": "key_f", "f": "key_fs", "g": "key_gs", "a": "key_as", "b": "key_c"}
    flats = {"c": "key_b", "d": "key_cs", "e": "key_ds", "f": "key_e", "g": "key_fs", "a": "key_gs", "b": "key_as"}
    for note, name in sharps.items():
        rules.append((rf"\b{note}[ -]?[#♯]m\b", f"{name} minor"))
        rules.append((rf"\b{note}[ -]?(?:[#♯]|sharp\b)", f"{name} "))
    for note, name in flats.items():
        rules.append((rf"\b{note}[b♭]m\b", f"{name} minor"))
        rules.append((rf"\b{note}(?:[ -]?♭|[ -]flat\b|b(?=[ -]?{mode}))", f"{name} "))
    for note in "abcdefg":
        # "in a minor key" speaks of a mode, "in A minor" of a key
        rules.append(
            (rf"\b{note}(?=[ -]{mode})(?![ -]{mode}[ -](?:key|chord|mode|scale|tonality|feel|mood))", f"key_{note}")
        )
        rules.append((rf"(?<=\bkey of ){note}\b", f"key_{note}"))
    rules += [(rf"\b{note}m\b", f"key_{note} minor") for note in "bcdeg"]
    rules.append((r"(?<=\bin )am\b", "key_a minor"))
    return rules


RULES = _rules()
_COMPILED = [(re.compile(pattern), replacement) for pattern, replacement in RULES]


def words(text: str) -> list[str]:
    text = text.lower()
    for pattern, replacement in _COMPILED:
        text = pattern.sub(replacement, text)
    return re.findall(SPLIT, text)


def build_vocabulary(captions: int = 40000, seed: int = 5) -> list[str]:
    """Every word the caption writer uses at least twice, and the numbers."""
    from captions import caption
    from composer import compose

    rng, counts = random.Random(seed), Counter()
    for _ in range(captions):
        counts.update(words(caption(compose(rng), rng)))
    found = sorted(word for word, count in counts.items() if count > 1 and not word.isdigit() and word not in KEY_NAMES)
    return (
        SPECIALS
        + KEY_NAMES
        + found
        + [str(n) for n in range(1, 40)]
        + [str(n) for n in NUMBERS]
        + ["303", "808", "909"]
    )


class Tokenizer:
    def __init__(self, vocabulary: list[str]):
        self.ids = {word: i for i, word in enumerate(vocabulary)}

    def encode(self, text: str) -> list[int]:
        return [self.ids.get(word, UNK_ID) for word in words(text)] + [EOS_ID]


def tokenizer_json(vocabulary: list[str]) -> dict:
    replacements = [
        {"type": "Replace", "pattern": {"Regex": pattern}, "content": content} for pattern, content in RULES
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": i,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for i, token in enumerate(SPECIALS)
        ],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, *replacements]},
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Removed", "invert": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [
                {"Sequence": {"id": "A", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 0}},
                {"SpecialToken": {"id": "</s>", "type_id": 0}},
            ],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [EOS_ID], "tokens": ["</s>"]}},
        },
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "<unk>",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {word: i for i, word in enumerate(vocabulary)},
        },
    }
