"""The MusicGen decoder: four codebooks in the delay pattern, self-attention, cross-attention to the text, four heads.

Embedding and output tables are products P F of a fixed 0/1 matrix (tokens.factor_matrices) and a learned table of
factors: the same function as full tables, with a twentieth of the parameters and much faster learning of rare tokens.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import text_encoder
import tokens as tk
from grammar import Grammar
from layers import MASKED, CrossAttention, FeedForward, SelfAttention, sinusoid

WIDTH, LAYERS, HEADS = 192, 4, 6


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.self_attention, self.cross_attention, self.feed = (
            SelfAttention(WIDTH, HEADS),
            CrossAttention(WIDTH, HEADS),
            FeedForward(WIDTH),
        )
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH) for _ in range(3)])

    def forward(self, x: Tensor, causal: Tensor | None, past, remembered, text_bias: Tensor):
        mixed, present = self.self_attention(self.norms[0](x), causal, past)
        x = x + mixed
        x = x + self.cross_attention(self.norms[1](x), remembered, text_bias)
        return x + self.feed(self.norms[2](x)), present


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        matrices = [torch.tensor(matrix) for matrix in tk.factor_matrices()]
        for k, matrix in enumerate(matrices):
            self.register_buffer(f"factors{k}", matrix, persistent=False)
        # one row more than factors: the pad id
        self.inputs = nn.ParameterList([nn.Parameter(torch.randn(m.shape[1] + 1, WIDTH) * 0.15) for m in matrices])
        self.outputs = nn.ParameterList([nn.Parameter(torch.randn(m.shape[1], WIDTH) * 0.02) for m in matrices])
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(m.shape[1])) for m in matrices])
        self.text_projection = nn.Linear(text_encoder.WIDTH, WIDTH)
        self.position_scale = nn.Parameter(torch.tensor(0.3))
        self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(WIDTH)
        self.grammar = Grammar()

    def matrix(self, k: int) -> Tensor:
        return getattr(self, f"factors{k}")

    def embedding_tables(self) -> list[Tensor]:
        """[used ids + 1, WIDTH] each; the last row is the pad id's."""
        return [torch.cat([self.matrix(k) @ table[:-1], table[-1:]]) for k, table in enumerate(self.inputs)]

    def embed(self, codes: Tensor, tables: list[Tensor]) -> Tensor:
        """codes [rows, 4, columns] -> [rows, columns, WIDTH]"""
        return sum(F.embedding(codes[:, k].clamp(max=size), tables[k]) for k, size in enumerate(tk.SIZES))

    def memory(self, states: Tensor, mask: Tensor) -> Tensor:
        """Projected text, zero where masked: rows of zero states and zero mask are unconditional."""
        return self.text_projection(states) * mask.unsqueeze(-1)

    def forward(
        self, codes: Tensor, states: Tensor, mask: Tensor, offset: Tensor | None = None, past=None, tables=None
    ):
        """codes int64 [rows, 4, columns], states [rows, S, 128], mask [rows, S] -> (hidden [rows, columns, WIDTH], cache)."""
        return self.run(self.embed(codes, tables or self.embedding_tables()), states, mask, offset, past)

    def run(self, x: Tensor, states: Tensor | None, mask: Tensor, offset: Tensor | None = None, past=None):
        """x: embedded codes [rows, columns, WIDTH].

        `past`: the cache of an earlier call, per layer (self keys and values, text keys and values); then states are not read.
        `offset` [rows, 1] shifts the positions (training only).
        """
        columns, seen = x.shape[1], 0 if past is None else past[0][0][0].shape[2]
        places = torch.arange(columns, device=x.device) + seen
        positions = places.unsqueeze(0) if offset is None else places.unsqueeze(0) + offset
        x = x + self.position_scale * sinusoid(positions, WIDTH)
        causal = None
        if columns > 1:
            causal = (torch.arange(columns + seen, device=x.device) > places.unsqueeze(1)).to(x.dtype) * MASKED
        mask = mask.to(x.dtype)
        text_bias = (1 - mask[:, None, None]) * MASKED
        memory = self.memory(states, mask) if past is None else None
        cache = []
        for n, layer in enumerate(self.layers):
            remembered = layer.cross_attention.remember(memory) if past is None else past[n][1]
            x, present = layer(x, causal, None if past is None else past[n][0], remembered, text_bias)
            cache.append((present, remembered))
        return self.norm(x), cache

    def factor_logits(self, hidden: Tensor) -> list[Tensor]:
        return [F.linear(hidden, table, bias) for table, bias in zip(self.outputs, self.biases)]

    def logits(self, hidden: Tensor, codes: Tensor, memory: tuple[Tensor, Tensor] | None = None) -> list[Tensor]:
        """hidden of the columns `codes` -> [rows, columns, used ids] per codebook; what may not follow is far below the rest.

        `memory`: what the grammar keeps of earlier columns; absent when `codes` begins at the first column.
        """
        if memory is None:
            memory = self.grammar.memory(codes[:, 0])
        scores = self.factor_logits(hidden)
        return [self.grammar.restrict(k, part @ self.matrix(k).T, codes, memory) for k, part in enumerate(scores)]


class Model(nn.Module):
    def __init__(self, vocabulary: list[str]):
        super().__init__()
        self.text = text_encoder.TextEncoder(vocabulary)
        self.decoder = Decoder()


def delay(codes: Tensor) -> tuple[Tensor, Tensor]:
    """codes [rows, 4, T] -> (inputs, targets) [rows, 4, T + 3] in the delay pattern, PAD outside."""
    rows, books, frames = codes.shape
    columns = torch.full((rows, books, frames + books), tk.PAD, dtype=torch.long, device=codes.device)
    for k in range(books):
        columns[:, k, 1 + k : 1 + k + frames] = codes[:, k]
    return columns[:, :, :-1], columns[:, :, 1:]
