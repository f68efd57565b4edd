"""Quick look at a checkpoint while it trains: generates from held-out captions with torch, scores the codes.

The real evaluation is `npm run model:eval`, on the exported graphs, through the engine, with prompts of its own.
Here the captions are the composer's, with seeds that training never uses, so the composer's own pieces are the ceiling.
"""

import argparse
import random

import numpy as np
import torch

import tokens as tk
from batches import padded
from captions import caption
from composer import Piece, compose, render
from decoder import Model
from tokenizer import Tokenizer


def load(checkpoint: str) -> tuple[Model, Tokenizer]:
    saved = torch.load(checkpoint, map_location="cpu")
    model = Model(saved["vocabulary"])
    model.load_state_dict(saved["model"], strict=False)
    return model.eval(), Tokenizer(saved["vocabulary"])


@torch.no_grad()
def generate(
    model: Model, tokenizer: Tokenizer, prompts: list[str], frames: int, guidance: float, temperature: float, top_k: int
) -> np.ndarray:
    """-> codes [prompts, 4, frames]"""
    rows = len(prompts)
    ids, mask = padded([tokenizer.encode(prompt) for prompt in prompts])
    mask = torch.cat([mask, torch.zeros_like(mask)])
    states = model.text(torch.cat([ids, ids]), mask)
    tables, cache = model.decoder.embedding_tables(), None
    columns = torch.full((rows, tk.CODEBOOKS, frames + tk.CODEBOOKS), tk.PAD)
    for column in range(frames + tk.CODEBOOKS - 1):
        fed = columns[:, :, column : column + 1]
        memory = [part[:, -1:].repeat(2, 1) for part in model.decoder.grammar.memory(columns[:, 0, : column + 1])]
        hidden, cache = model.decoder(torch.cat([fed, fed]), states, mask, past=cache, tables=tables)
        for k, logits in enumerate(model.decoder.logits(hidden, torch.cat([fed, fed]), memory)):
            if k <= column < frames + k:
                with_text, without = logits[:rows, 0], logits[rows:, 0]
                scores = (without + guidance * (with_text - without)) / temperature
                least = scores.topk(min(top_k, scores.shape[1]), -1)[0][:, -1:]
                columns[:, k, column + 1] = torch.multinomial(scores.masked_fill(scores < least, -1e9).softmax(-1), 1)[
                    :, 0
                ]
    return torch.stack([columns[:, k, 1 + k : 1 + k + frames] for k in range(tk.CODEBOOKS)], 1).numpy()


def facts(codes: np.ndarray) -> dict:
    """codes [4, frames] -> what the tokens say."""
    clock = codes[0]
    waits = [(metre, token - base) for token in clock for metre, base in [_metre_of(token)] if metre >= 0]
    metre = max(set(m for m, _ in waits), key=[m for m, _ in waits].count) if waits else 0
    chords = [tk.chord_fields(token) for token in codes[1]]
    keys = [key for _, key, _, _ in chords]
    struck = {
        "chords": [tk.CHORD_INSTRUMENTS[i] for kind, _, _, i in chords if kind == tk.ON],
        "bass": [tk.BASS_TIMBRES[t] for kind, _, t in map(tk.bass_fields, codes[2]) if kind == tk.ON],
        "lead": [tk.LEAD_TIMBRES[t] for kind, _, t in map(tk.lead_fields, codes[3]) if kind == tk.ON],
    }
    found = {name: max(set(played), key=played.count) if played else "none" for name, played in struck.items()}
    steps = [token for token in clock if token < tk.STEP_TOKENS]
    kit = 0 if not steps else int(np.median([0 if token == 0 else (token - 1) // len(tk.HITS) + 1 for token in steps]))
    return {
        **found,
        "metre": metre,
        "clock": _clock_valid(clock),
        "key": max(set(keys), key=keys.count),
        "kit": tk.KITS[kit],
    }


def _metre_of(token: int) -> tuple[int, int]:
    if token < tk.STEP_TOKENS:
        return -1, 0
    index = int(np.searchsorted(tk.WAIT_BASE, token, "right")) - 1
    return index, tk.WAIT_BASE[index]


def _clock_valid(clock: np.ndarray) -> float:
    """Share of clock tokens that are what the one before demands."""
    right, place = [], None
    for token in clock:
        metre, base = _metre_of(token)
        expected = None if place is None else (place[0], (place[1] + 1) % tk.METRES[place[0]].bar_frames)
        if expected:
            is_step = expected[1] in tk.METRES[expected[0]].step_frames()
            right.append(metre < 0 if is_step else (metre, token - base) == expected)
        place = (metre, token - base) if metre >= 0 else expected
    return float(np.mean(right)) if right else 0.0


def compare(piece: Piece, text: str, found: dict) -> dict:
    """What of the piece its caption could have told, and whether the codes have it."""
    asked = tk.METRES[piece.metre].bpm
    result = {"clock valid": found["clock"]}
    if str(int(piece.bpm)) in text:
        result["tempo within 4.5 %"] = abs(np.log(tk.METRES[found["metre"]].bpm / asked)) < 0.045
    if any(mode in text.lower() for mode in (" major", " minor", " maj", " min")) and " key" not in text:
        result["tonic"] = found["key"] == piece.key
    return {
        **result,
        "chords": found["chords"] == piece.chords,
        "lead": found["lead"] == piece.lead,
        "kit": found["kit"] == piece.kit,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default=".runs/micro/checkpoint.pt")
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--guidance", type=float, default=3)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top-k", type=int, default=250)
    options = parser.parse_args()
    torch.manual_seed(0)
    model, tokenizer = load(options.checkpoint)
    rng = random.Random("evaluation")
    pieces = [compose(rng) for _ in range(options.prompts)]
    texts = [caption(piece, rng) for piece in pieces]
    frames = options.seconds * tk.FRAME_RATE
    made = generate(model, tokenizer, texts, frames, options.guidance, options.temperature, options.top_k)
    for name, codes in (("model", made), ("composer", [render(piece, 0, frames) for piece in pieces])):
        results = [compare(piece, text, facts(clip)) for piece, text, clip in zip(pieces, texts, codes)]
        for key in dict.fromkeys(key for result in results for key in result):
            values = [float(result[key]) for result in results if key in result]
            print(f"{name:9} {key:20} {np.mean(values):.3f} ({len(values)})")


if __name__ == "__main__":
    main()
