"""Prompt ids -> states [rows, length, 128]: two transformer layers, about half a million parameters.

Numbers share a code of their logarithm (radial basis functions 5.5 % wide), so 137 bpm works though it was hardly seen.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from composer import ATTRIBUTES
from layers import MASKED, FeedForward, SelfAttention, sinusoid
from tokenizer import NUMBERS

WIDTH, LAYERS, HEADS = 128, 2, 4
CENTRES, SPREAD = 32, 0.055  # of the radial basis, in log n


def _number_code(vocabulary: list[str]) -> tuple[Tensor, Tensor]:
    """-> (code [words, CENTRES], is a number [words, 1])"""
    known = [word.isdigit() and int(word) in NUMBERS for word in vocabulary]
    logs = torch.tensor([math.log(int(word)) if number else 0.0 for word, number in zip(vocabulary, known)])
    centres = torch.linspace(math.log(NUMBERS[0]), math.log(NUMBERS[-1]), CENTRES)
    is_number = torch.tensor(known).float().unsqueeze(1)
    return torch.exp(-(((logs.unsqueeze(1) - centres) / SPREAD) ** 2)) * is_number, is_number


class TextEncoder(nn.Module):
    def __init__(self, vocabulary: list[str]):
        super().__init__()
        code, is_number = _number_code(vocabulary)
        self.register_buffer("code", code)
        self.register_buffer("is_number", is_number)
        self.words = nn.Parameter(torch.randn(len(vocabulary), WIDTH) * 0.3)
        self.numbers = nn.Parameter(torch.randn(CENTRES, WIDTH) * 0.3)
        self.position_scale = nn.Parameter(torch.tensor(0.5))
        self.attention = nn.ModuleList([SelfAttention(WIDTH, HEADS) for _ in range(LAYERS)])
        self.feed = nn.ModuleList([FeedForward(WIDTH) for _ in range(LAYERS)])
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH) for _ in range(2 * LAYERS + 1)])

    def table(self) -> Tensor:
        return self.words * (1 - 0.7 * self.is_number) + self.code @ self.numbers

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """int64 [rows, length] twice -> [rows, length, WIDTH], zero where masked"""
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = F.embedding(input_ids, self.table()) + self.position_scale * sinusoid(positions, WIDTH)
        mask = attention_mask.to(x.dtype)
        bias = (1 - mask[:, None, None]) * MASKED
        for n, (attention, feed) in enumerate(zip(self.attention, self.feed)):
            x = x + attention(self.norms[2 * n](x), bias)[0]
            x = x + feed(self.norms[2 * n + 1](x))
        return self.norms[-1](x) * mask.unsqueeze(-1)


class AttributeHeads(nn.Module):
    """Reads the composer's decisions off the states (training only). Max pooling: with mean pooling the key was never learned."""

    def __init__(self):
        super().__init__()
        self.heads = nn.Linear(WIDTH, sum(ATTRIBUTES.values()))

    def losses(self, states: Tensor, attention_mask: Tensor, targets: Tensor) -> list[Tensor]:
        """targets int64 [rows, attributes]; rows without text are left out."""
        has_text = attention_mask.sum(1) > 0
        pooled = states.masked_fill(attention_mask.unsqueeze(-1) == 0, -9.0).amax(1)[has_text]
        logits = self.heads(pooled).split(list(ATTRIBUTES.values()), 1)
        return [F.cross_entropy(part, targets[has_text, n]) for n, part in enumerate(logits)]
