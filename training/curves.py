"""Draws a run's log as a small picture: losses over time, and what the text tells about a clip's first frames."""

import argparse
import json

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

NAMES = ("clock and drums", "chords", "bass", "lead")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", default=".runs/micro/log.jsonl")
    parser.add_argument("--out", default="curves.png")
    options = parser.parse_args()
    with open(options.log) as lines:
        rows = [row for row in map(json.loads, lines) if row["kind"] == "validation"]
    steps = [row["step"] for row in rows]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), dpi=80)
    for k, name in enumerate(NAMES):
        left.plot(steps, [row["losses"][k] for row in rows], label=name)
    left.plot(steps, [row["sum"] for row in rows], "k", label="sum")
    left.set(title="Held-out 10-s pieces", xlabel="step", ylabel="nats a token", yscale="log")
    left.legend(fontsize=7)
    for text, label, style in (
        ("right", "its own text", "-"),
        ("none", "no text", "--"),
        ("other", "another text", ":"),
    ):
        right.plot(steps, [sum(row["first_frames"][text]) for row in rows], "k" + style, label=label)
    right.set(title="First 8 frames, four codebooks", xlabel="step", ylabel="nats")
    right.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(options.out)


if __name__ == "__main__":
    main()
