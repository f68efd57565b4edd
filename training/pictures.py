"""Draws a WAV file: waveform, and a spectrogram over a logarithmic frequency axis (twelve rows an octave, as notes)."""

import argparse
import wave

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

LOWEST_HERTZ, OCTAVES, ROWS = 41.2, 8, 24  # E1; rows an octave
WINDOW, HOP = 4096, 512


def read(path: str) -> tuple[np.ndarray, int]:
    with wave.open(path) as file:
        width, rate, channels = file.getsampwidth(), file.getframerate(), file.getnchannels()
        raw = file.readframes(file.getnframes())
    if width != 2:
        raise SystemExit(f"{path} has {8 * width} bits a sample; 16 are read here")
    return np.frombuffer(raw, "<i2").reshape(-1, channels)[:, 0] / 32768, rate


def note_spectrogram(samples: np.ndarray, rate: int) -> np.ndarray:
    """-> decibels [OCTAVES * ROWS, frames]"""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    hertz = np.fft.rfftfreq(WINDOW, 1 / rate)
    centres = LOWEST_HERTZ * 2 ** (np.arange(OCTAVES * ROWS) / ROWS)
    centres = centres[centres < rate / 2]
    rows = np.stack([np.interp(centres, hertz, frame) for frame in power], 1)
    return 10 * np.log10(rows + 1e-6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wav")
    parser.add_argument("png")
    parser.add_argument("--title", default="")
    options = parser.parse_args()
    samples, rate = read(options.wav)
    seconds = len(samples) / rate
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(9, 4), dpi=80, sharex=True, height_ratios=(1, 3))
    blocks = samples[: len(samples) // 400 * 400].reshape(-1, 400)
    times = np.arange(len(blocks)) * 400 / rate
    top.fill_between(times, blocks.min(1), blocks.max(1), linewidth=0)
    top.set(ylim=(-1, 1), title=options.title)
    top.title.set_fontsize(9)
    decibels = note_spectrogram(samples, rate)
    bottom.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, 0, decibels.shape[0]),
        vmin=decibels.max() - 70,
        vmax=decibels.max(),
        cmap="magma",
    )
    octaves = np.arange(0, decibels.shape[0], ROWS)
    bottom.set(xlabel="seconds", yticks=octaves, yticklabels=[f"E{1 + n}" for n in range(len(octaves))])
    figure.tight_layout()
    figure.savefig(options.png)
    Image.open(options.png).convert("RGB").quantize(64).save(options.png, optimize=True)  # a third of the size


if __name__ == "__main__":
    main()
