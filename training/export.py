"""A checkpoint -> the model folder: three ONNX graphs, the tokenizer and the configuration, in the standard layout."""

import argparse
import io
import json
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto
from torch import Tensor, nn

import codec
import decoder as dec
import onnx_graphs as og
import text_encoder
import tokens as tk
from tokenizer import EOS_ID, PAD_ID, SPECIALS, UNK_ID, tokenizer_json

CACHE_LAYERS = (
    dec.LAYERS + 1
)  # the last one's keys hold no keys but the grammar's memory of each column: clock token, kit
NEVER = -1e4  # logit of ids without a meaning; finite, because guidance subtracts logits
HEAD_WIDTH = dec.WIDTH // dec.HEADS
MAX_POSITIONS = 2048
SECONDS = 30  # of the default length, and of the longest clips in training


class TextGraph(nn.Module):
    """The text encoder with its word table multiplied out."""

    def __init__(self, text: text_encoder.TextEncoder):
        super().__init__()
        self.text = text
        table = text.table().detach()
        text.table = lambda: table

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.text(input_ids, attention_mask)


class DecoderGraph(nn.Module):
    """Ids [rows * 4, columns] -> logits [rows * 4, columns, vocabulary]; tables stay factored, which keeps the file small."""

    def __init__(self, model: dec.Decoder):
        super().__init__()
        self.model = model
        matrices = [model.matrix(k) for k in range(tk.CODEBOOKS)]
        self.register_buffer("rows_of_id", _factor_rows(matrices))
        zero = torch.zeros(1, dec.WIDTH)
        self.input_factors = nn.Parameter(torch.cat([*[table.detach() for table in model.inputs], zero]))
        self.output_factors = nn.Parameter(torch.cat([table.detach() for table in model.outputs]))
        self.output_biases = nn.Parameter(torch.cat([bias.detach() for bias in model.biases]))
        self.sizes = [matrix.shape[1] for matrix in matrices]
        for k, matrix in enumerate(matrices):
            self.register_buffer(f"expand{k}", matrix.T.contiguous())

    @staticmethod
    def columns(input_ids: Tensor) -> Tensor:
        return input_ids.reshape(-1, tk.CODEBOOKS, input_ids.shape[1])

    def embed(self, input_ids: Tensor) -> Tensor:
        shifted = self.columns(input_ids) + torch.arange(tk.CODEBOOKS).view(1, -1, 1) * (tk.VOCABULARY + 1)
        return self.input_factors[self.rows_of_id[shifted]].sum(3).sum(1)

    def logits(self, hidden: Tensor, input_ids: Tensor, memory: tuple[Tensor, Tensor]) -> Tensor:
        scores = F.linear(hidden, self.output_factors, self.output_biases).split(self.sizes, 2)
        books = []
        for k, part in enumerate(scores):
            full = self.model.grammar.restrict(k, part @ getattr(self, f"expand{k}"), self.columns(input_ids), memory)
            books.append(F.pad(full, (0, tk.VOCABULARY - tk.SIZES[k]), value=NEVER))
        return torch.stack(books, 1).flatten(0, 1)

    def remembered(self, input_ids: Tensor, kit: Tensor) -> Tensor:
        """Codebook 0 and the kit of the columns in the shape of keys: [rows, heads, columns, head], clock first, then kit"""
        clock = self.columns(input_ids)[:, 0].float()
        pair = F.pad(torch.stack([clock, kit], 2), (0, HEAD_WIDTH - 2))
        return pair.unsqueeze(1).expand(-1, dec.HEADS, -1, -1)


class PrefillGraph(DecoderGraph):
    def forward(self, encoder_attention_mask: Tensor, input_ids: Tensor, encoder_hidden_states: Tensor):
        hidden, cache = self.model.run(self.embed(input_ids), encoder_hidden_states, encoder_attention_mask)
        memory = self.model.grammar.memory(self.columns(input_ids)[:, 0])
        remembered = self.remembered(input_ids, memory[1])
        tensors = [tensor for layer in cache for pair in layer for tensor in pair]
        return self.logits(hidden, input_ids, memory), *tensors, remembered, remembered * 0, *cache[0][1]


class StepGraph(DecoderGraph):
    def forward(self, encoder_attention_mask: Tensor, input_ids: Tensor, *past: Tensor):
        layers = [((past[i], past[i + 1]), (past[i + 2], past[i + 3])) for i in range(0, 4 * dec.LAYERS, 4)]
        hidden, cache = self.model.run(self.embed(input_ids), None, encoder_attention_mask, past=layers)
        earlier, unused = past[4 * dec.LAYERS], past[4 * dec.LAYERS + 1]
        kit = torch.maximum(earlier[:, 0, -1:, 1], self.model.grammar.kit_of(self.columns(input_ids)[:, 0]))
        remembered = self.remembered(input_ids, kit)
        # the text's keys and values do not change: an empty stand-in, as in every merged export; keep those of the first call
        empty = torch.zeros(0, dec.HEADS, 1, HEAD_WIDTH)
        tensors = [tensor for present, _ in cache for tensor in (*present, empty, empty)]
        caches = (torch.cat([earlier, remembered], 2), torch.cat([unused, remembered * 0], 2))
        return self.logits(hidden, input_ids, (earlier[:, 0, -1:, 0].long(), kit)), *tensors, *caches, empty, empty


def _factor_rows(matrices: list[Tensor]) -> Tensor:
    """int64 [4 * (vocabulary + 1), most factors]: the rows of the stacked input table that make up each id's embedding."""
    most = max(int(matrix.sum(1).max()) for matrix in matrices)
    nothing = sum(matrix.shape[1] + 1 for matrix in matrices)
    rows = torch.full((tk.CODEBOOKS, tk.VOCABULARY + 1, most), nothing)
    base = 0
    for k, matrix in enumerate(matrices):
        for token in range(matrix.shape[0]):
            used = matrix[token].nonzero()[:, 0]
            rows[k, token, : len(used)] = base + used
        rows[k, tk.VOCABULARY, 0] = base + matrix.shape[1]  # the pad id
        base += matrix.shape[1] + 1
    return rows.flatten(0, 1)


def traced(module: nn.Module, example: tuple, inputs: list[str], outputs: list[str], dynamic: dict) -> onnx.ModelProto:
    buffer = io.BytesIO()
    with torch.no_grad():
        torch.onnx.export(
            module.eval(),
            example,
            buffer,
            opset_version=og.OPSET,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=dynamic,
        )
    return onnx.load_from_string(buffer.getvalue())


def with_interface(model: onnx.ModelProto, inputs: list, outputs: list) -> onnx.ModelProto:
    og.lift_constants(model.graph)
    og.store_small(model.graph)
    del model.graph.value_info[:]
    return og.finished(
        onnx.helper.make_graph(list(model.graph.node), "main", inputs, outputs, list(model.graph.initializer))
    )


def export_text(text: text_encoder.TextEncoder) -> onnx.ModelProto:
    dims = ["batch_size", "encoder_sequence_length"]
    example = (torch.randint(3, 20, (2, 9)), torch.ones(2, 9, dtype=torch.long))
    axes = {0: "b", 1: "s"}
    model = traced(
        TextGraph(text),
        example,
        ["input_ids", "attention_mask"],
        ["last_hidden_state"],
        {name: axes for name in ("input_ids", "attention_mask", "last_hidden_state")},
    )
    return with_interface(
        model, [og.value(name, dims, TensorProto.INT64) for name in ("input_ids", "attention_mask")], [og.value("last_hidden_state", [*dims, text_encoder.WIDTH])]
    )  # fmt: skip


def _cache_values(stem: str, length: str) -> list:
    found = []
    for n in range(CACHE_LAYERS):
        for part, dim in (("decoder", length), ("encoder", "encoder_sequence_length")):
            found += [
                og.value(f"{stem}.{n}.{part}.{name}", ["batch_size", dec.HEADS, dim, HEAD_WIDTH])
                for name in ("key", "value")
            ]
    return found


def export_decoder(model: dec.Decoder) -> onnx.ModelProto:
    mask, ids = torch.ones(2, 7, dtype=torch.long), torch.randint(0, 99, (8, 5))
    past = [torch.zeros(2, dec.HEADS, length, HEAD_WIDTH) for _ in range(CACHE_LAYERS) for length in (5, 5, 7, 7)]
    past_values, present_values = _cache_values("past_key_values", "past_decoder_sequence_length"), _cache_values(
        "present", "past_decoder_sequence_length + decoder_sequence_length"
    )
    present_names = [v.name for v in present_values]
    past_names = [v.name for v in past_values]
    text_axes = {
        "encoder_attention_mask": {0: "b", 1: "s"},
        "input_ids": {0: "r", 1: "t"},
        "encoder_hidden_states": {0: "b", 1: "s"},
        "logits": {0: "r", 1: "t"},
    }
    cache_axes = {name: {0: "b", 2: name.split(".")[2]} for name in (*past_names, *present_names)}
    prefill = traced(
        PrefillGraph(model), (mask, ids, torch.zeros(2, 7, text_encoder.WIDTH)), ["encoder_attention_mask", "input_ids", "encoder_hidden_states"],
        ["logits", *present_names], {**text_axes, **{n: a for n, a in cache_axes.items() if n in present_names}},
    )  # fmt: skip
    decoder_axes = {
        name: axes for name, axes in cache_axes.items() if not (name.startswith("present") and ".encoder." in name)
    }
    step = traced(
        StepGraph(model), (mask, ids[:, :1], *past), ["encoder_attention_mask", "input_ids", *past_names], ["logits", *present_names],
        {**{n: a for n, a in text_axes.items() if n != "encoder_hidden_states"}, **decoder_axes},
    )  # fmt: skip
    inputs = [
        og.value("encoder_attention_mask", ["batch_size", "encoder_sequence_length"], TensorProto.INT64),
        og.value("input_ids", ["total_batch_size_x_num_codebooks", "decoder_sequence_length"], TensorProto.INT64),
        og.value("encoder_hidden_states", ["batch_size", "encoder_sequence_length", text_encoder.WIDTH]),
        *past_values,
        og.value("use_cache_branch", [1], TensorProto.BOOL),
    ]
    outputs = [
        og.value("logits", ["total_batch_size_x_num_codebooks", "decoder_sequence_length", tk.VOCABULARY]),
        *present_values,
    ]
    return og.merge_decoder(prefill, step, inputs, outputs)


def export_codec() -> onnx.ModelProto:
    model = traced(
        codec.Codec(),
        (torch.randint(0, 100, (1, 2, 4, 50)),),
        ["audio_codes"],
        ["audio_values"],
        {"audio_codes": {1: "b", 3: "t"}, "audio_values": {0: "b", 2: "n"}},
    )
    return with_interface(
        model, [og.value("audio_codes", [1, "batch_size", tk.CODEBOOKS, "chunk_length"], TensorProto.INT64)], [og.value("audio_values", ["batch_size", 1, "audio_length"])]
    )  # fmt: skip


def configuration(vocabulary: list[str]) -> dict:
    special = {"pad_token_id": tk.PAD, "bos_token_id": tk.PAD, "eos_token_id": None}
    return {
        "architectures": ["MusicgenForConditionalGeneration"],
        "model_type": "musicgen",
        "is_encoder_decoder": True,
        "torch_dtype": "float32",
        "text_encoder": {
            "model_type": "t5", "vocab_size": len(vocabulary), "d_model": text_encoder.WIDTH, "d_ff": 4 * text_encoder.WIDTH,
            "d_kv": text_encoder.WIDTH // text_encoder.HEADS, "num_layers": text_encoder.LAYERS, "num_heads": text_encoder.HEADS,
            "pad_token_id": PAD_ID, "eos_token_id": EOS_ID, "decoder_start_token_id": PAD_ID,
        },
        "audio_encoder": {
            "model_type": "encodec", "sampling_rate": tk.SAMPLE_RATE, "audio_channels": 1, "upsampling_ratios": [8, 5, 8, 4],
            "codebook_size": tk.VOCABULARY, "codebook_dim": 128, "target_bandwidths": [1.2], "normalize": False, "chunk_length_s": None, "overlap": None,
            "chunk_context": {"left_frames": codec.LEFT_FRAMES, "right_frames": codec.RIGHT_FRAMES},
        },
        "decoder": {
            "model_type": "musicgen_decoder", "vocab_size": tk.VOCABULARY, "num_codebooks": tk.CODEBOOKS, "audio_channels": 1,
            "hidden_size": dec.WIDTH, "num_hidden_layers": CACHE_LAYERS, "num_attention_heads": dec.HEADS, "ffn_dim": 4 * dec.WIDTH,
            "activation_function": "gelu", "max_position_embeddings": MAX_POSITIONS, "scale_embedding": False, "tie_word_embeddings": False,
            "use_cache": True, "add_cross_attention": True, "decoder_start_token_id": tk.PAD, **special,
        },
        "prompt_limits": {"bpm": {"minimum": tk.BPM_MINIMUM, "maximum": tk.BPM_MAXIMUM}},
        "musicgen_service": {"name": "musicgen-micro", "licence": "CC0-1.0"},
    }  # fmt: skip


def generation_defaults() -> dict:
    return {
        "do_sample": True, "guidance_scale": 3.0, "temperature": 0.8, "top_k": 250, "max_length": SECONDS * tk.FRAME_RATE + tk.CODEBOOKS,
        "pad_token_id": tk.PAD, "bos_token_id": tk.PAD, "decoder_start_token_id": tk.PAD,
    }  # fmt: skip


def check(folder: Path, model: dec.Model) -> None:
    """The exported file's weights must be those of the checkpoint: a round trip through half precision, no more."""
    total = sum(file.stat().st_size for file in (folder / "onnx").iterdir())
    for file in sorted((folder / "onnx").iterdir()):
        print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB")
    print(
        f"graphs together: {total / 1e6:.2f} MB; parameters: {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M"
    )
    assert total <= 12e6, "the folder must stay below 12 MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default=".runs/micro/checkpoint.pt")
    parser.add_argument("--out", default="../models/musicgen-micro")
    options = parser.parse_args()
    saved = torch.load(options.checkpoint, map_location="cpu")
    vocabulary = saved["vocabulary"]
    model = dec.Model(vocabulary)
    model.load_state_dict(saved["model"], strict=False)
    folder = Path(options.out)
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    onnx.save(export_text(model.text), folder / "onnx/text_encoder.onnx")
    onnx.save(export_decoder(model.decoder), folder / "onnx/decoder_model_merged.onnx")
    onnx.save(export_codec(), folder / "onnx/encodec_decode.onnx")
    files = {
        "config.json": configuration(vocabulary),
        "generation_config.json": generation_defaults(),
        "tokenizer.json": tokenizer_json(vocabulary),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, "pad_token": SPECIALS[PAD_ID], "eos_token": SPECIALS[EOS_ID],
            "unk_token": SPECIALS[UNK_ID], "clean_up_tokenization_spaces": False,
        },
        "token_layout.json": tk.layout(),
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_text(
            json.dumps(
                content, indent=None if name in ("tokenizer.json", "token_layout.json") else 2, ensure_ascii=False
            )
            + "\n"
        )
    check(folder, model)


if __name__ == "__main__":
    main()
