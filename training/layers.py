"""Transformer parts shared by the text encoder and the decoder. Pre-norm, exact GELU, no biases in attention."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MASKED = -1e4  # finite, so that a row with everything masked still has a softmax


def sinusoid(positions: Tensor, width: int) -> Tensor:
    """MusicGen's position code: cosines, then sines. positions [...] -> [..., width]"""
    half = width // 2
    rates = torch.exp(torch.arange(half, device=positions.device).float() * (-math.log(10000) / (half - 1)))
    angles = positions.float().unsqueeze(-1) * rates
    return torch.cat([angles.cos(), angles.sin()], -1)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[rows, length, width] -> [rows, heads, length, width / heads]"""
    rows, length, width = x.shape
    return x.reshape(rows, length, heads, width // heads).transpose(1, 2)


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """[rows, heads, length, head] each; bias is added to the scores. -> [rows, length, width]"""
    scores = query @ key.transpose(-1, -2) * (1 / math.sqrt(query.shape[-1]))
    if bias is not None:
        scores = scores + bias
    mixed = scores.softmax(-1) @ value
    return mixed.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, bias: Tensor | None, past: tuple[Tensor, Tensor] | None = None):
        """-> (output, (keys, values) of everything so far)"""
        query, key, value = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, -1))
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        return self.out(attend(query, key, value, bias)), (key, value)


class CrossAttention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def remember(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        key, value = self.key_value(memory).chunk(2, -1)
        return split_heads(key, self.heads), split_heads(value, self.heads)

    def forward(self, x: Tensor, remembered: tuple[Tensor, Tensor], bias: Tensor) -> Tensor:
        return self.out(attend(split_heads(self.query(x), self.heads), *remembered, bias))


class FeedForward(nn.Module):
    def __init__(self, width: int, factor: int = 4):
        super().__init__()
        self.up, self.down = nn.Linear(width, factor * width), nn.Linear(factor * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x)))
