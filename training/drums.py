"""Drum one-shots, synthesised with numpy: five kits of kick, two snares, two hats and a crash."""

import numpy as np

import tokens as tk

RATE = tk.SAMPLE_RATE
CHANNELS = ("kick", "snare", "hat", "crash")


def _seconds(length: float) -> np.ndarray:
    return np.arange(int(RATE * length)) / RATE


class Kitmaker:
    """Appends sounds to one flat table; seeded, because the noise is part of the model's files."""

    def __init__(self):
        self.random = np.random.RandomState(3)
        self.sounds: list[np.ndarray] = []

    def add(self, sound: np.ndarray) -> int:
        faded = np.array(sound, np.float32)
        faded[-64:] *= np.linspace(1, 0, 64)
        self.sounds.append(faded)
        return len(self.sounds)  # 0 stands for no sound

    def noise(self, length: float, low: float, high: float) -> np.ndarray:
        """Unit-variance noise between two soft edges in Hz."""
        count = int(RATE * length)
        spectrum = np.fft.rfft(self.random.randn(count))
        hertz = np.fft.rfftfreq(count, 1 / RATE)
        spectrum *= 1 / (1 + np.exp(-(hertz - low) / (low * 0.15 + 20))) / (1 + np.exp((hertz - high) / (high * 0.1)))
        wave = np.fft.irfft(spectrum, count)
        return wave / np.std(wave)

    def kick(
        self, start: float, end: float, sweep: float, decay: float, click: float, length: float = 0.45
    ) -> np.ndarray:
        t = _seconds(length)
        phase = 2 * np.pi * np.cumsum(end + (start - end) * np.exp(-t / sweep)) / RATE
        wave = np.sin(phase) * np.exp(-t / decay)
        edge = int(0.006 * RATE)
        wave[:edge] += click * self.random.randn(edge) * np.linspace(1, 0, edge)
        return wave

    def snare(
        self, hertz: float, decay: float, rattle: float, low: float, high: float, tone: float, length: float = 0.3
    ) -> np.ndarray:
        t = _seconds(length)
        return tone * np.sin(2 * np.pi * hertz * t) * np.exp(-t / decay) + 0.33 * self.noise(
            length, low, high
        ) * np.exp(-t / rattle)

    def clap(self) -> np.ndarray:
        t = _seconds(0.3)
        envelope = sum(np.exp(-np.clip(t - d, 0, 9) / 0.008) * (t >= d) for d in (0, 0.011, 0.023)) * 0.6
        envelope = envelope + np.exp(-np.clip(t - 0.03, 0, 9) / 0.09) * (t >= 0.03)
        return 0.3 * self.noise(0.3, 900, 6000) * envelope

    def hat(self, decay: float, low: float, length: float = 0.25) -> np.ndarray:
        return 0.22 * self.noise(length, low, 15000) * np.exp(-_seconds(length) / decay)

    def crash(self, length: float = 1.3, gain: float = 0.25) -> np.ndarray:
        return gain * self.noise(length, 2500, 14000) * np.exp(-_seconds(length) / 0.45)

    def ride(self) -> np.ndarray:
        t = _seconds(0.7)
        return 0.3 * (self.hat(0.2, 6000, 0.7) + 0.2 * np.sin(2 * np.pi * 5200 * t) * np.exp(-t / 0.15))


def make_kits() -> tuple[np.ndarray, list[int], list[int], dict]:
    """-> (flat samples, offsets, lengths, kit name -> {(channel, variant): sound number}); number 0 is silence."""
    m = Kitmaker()
    kits = {
        "acoustic": (m.kick(130, 55, 0.03, 0.16, 0.15), m.snare(190, 0.09, 0.1, 1200, 9000, 0.45), m.snare(320, 0.03, 0.03, 1500, 7000, 0.5, 0.15), m.hat(0.035, 6500), 0.8 * m.hat(0.16, 5500, 0.5), m.crash()),
        "electronic": (m.kick(220, 48, 0.035, 0.22, 0.1), m.snare(210, 0.06, 0.13, 1500, 11000, 0.4), m.clap(), 0.8 * m.hat(0.025, 8000), 0.8 * m.hat(0.12, 7500, 0.4), m.crash(1.2, 0.2)),
        "lofi": (0.55 * m.kick(100, 52, 0.03, 0.17, 0.03), 0.36 * m.snare(175, 0.06, 0.08, 900, 5000, 0.35), 0.3 * m.snare(400, 0.02, 0.03, 1200, 5000, 0.5, 0.15), 0.28 * m.hat(0.03, 5000), 0.25 * m.hat(0.1, 4500, 0.3), 0.2 * m.crash()),
        "brush": (0.35 * m.kick(90, 50, 0.02, 0.14, 0.03), 0.28 * m.snare(200, 0.03, 0.14, 2000, 9000, 0.1), 0.28 * m.snare(420, 0.02, 0.05, 2500, 9000, 0.3, 0.2), 0.3 * m.hat(0.05, 7000), m.ride(), 0.3 * m.crash()),
        "orchestral": (0.75 * m.kick(95, 58, 0.06, 0.45, 0.12, 1.1) + 0.15 * m.noise(1.1, 60, 500) * np.exp(-_seconds(1.1) / 0.2), 0.7 * m.snare(150, 0.12, 0.13, 500, 6000, 0.5, 0.5), 0.6 * m.kick(160, 120, 0.02, 0.2, 0.2, 0.5), 0.3 * m.hat(0.06, 6000), 0.4 * m.hat(0.3, 5000, 0.9), m.crash(1.3, 0.3)),
    }  # fmt: skip
    names = (("kick", 1), ("snare", 1), ("snare", 2), ("hat", 1), ("hat", 2), ("crash", 1))
    numbers = {kit: dict(zip(names, (m.add(sound) for sound in sounds))) for kit, sounds in kits.items()}
    samples = np.concatenate([np.zeros(1, np.float32), *m.sounds])
    lengths = [1] + [len(sound) for sound in m.sounds]
    offsets = [0] + list(np.cumsum([1] + lengths[1:-1]))
    return samples, [int(o) for o in offsets], lengths, numbers


def hit_numbers(numbers: dict) -> np.ndarray:
    """int64 [4 channels, used ids of codebook 0]: the sound each clock token starts, 0 for none."""
    table = np.zeros((len(CHANNELS), tk.V0), np.int64)
    for kit, name in enumerate(tk.KITS):
        for hit, variants in enumerate(tk.HITS if kit else []):
            for channel, variant in enumerate(variants):
                if variant:
                    table[channel, tk.step_token(kit, hit)] = numbers[name][CHANNELS[channel], variant]
    return table
