"""The shape of a model: presets of the paper, parameters and FLOPs as numbers. Pure, no torch.

LLaMA shape (section 3.4, Table 3): RoPE, RMSNorm before each half of a block, SwiGLU, no biases,
untied embeddings. GPT shape (Appendix A): learned positions, LayerNorm, GELU, biases, dropout.
Names of parameters are those of the network: `blocks.7.attention.query.weight`.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from model.settings import SettingsError, build, require

IGNORED = -100  # a label that counts for nothing, as everywhere in PyTorch


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One decoder-only transformer. Sizes are counts; `context` is tokens a sample."""

    shape: str = "llama"  # or "gpt"
    vocabulary: int
    hidden: int
    layers: int
    heads: int
    ffn: int
    context: int
    norm_epsilon: float = 1e-5
    rope_theta: float = 10_000.0  # LLaMA shape
    dropout: float = 0.0  # on embeddings, attention probabilities and both halves of a block
    tied: bool = False  # the head is the embedding; not with pipeline parallelism
    init_std: float = 0.02  # of every matrix; those that end a half block: / sqrt(2 layers)

    def __post_init__(self) -> None:
        require(self.shape in ("llama", "gpt"), f"shape must be llama or gpt, not {self.shape!r}")
        for name in ("vocabulary", "hidden", "layers", "heads", "ffn", "context"):
            value = getattr(self, name)
            require(value >= 1, f"{name} must be at least 1, got {value}")
        require(
            self.hidden % self.heads == 0,
            f"hidden {self.hidden} is not divisible by {self.heads} heads",
        )
        rotates = self.shape == "llama"
        require(not rotates or self.head_size % 2 == 0, f"RoPE turns pairs: head {self.head_size}")
        require(0 <= self.dropout < 1, f"dropout must be in [0, 1), got {self.dropout}")

    @property
    def head_size(self) -> int:
        """Numbers a head."""
        return self.hidden // self.heads

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter by name; a tied head is not a parameter of its own."""
        h, llama = self.hidden, self.shape == "llama"
        shapes: dict[str, tuple[int, ...]] = {"embedding.tokens.weight": (self.vocabulary, h)}
        if not llama:
            shapes["embedding.positions.weight"] = (self.context, h)

        def norm(name: str) -> None:
            shapes[f"{name}.weight"] = (h,)
            if not llama:
                shapes[f"{name}.bias"] = (h,)

        def linear(name: str, rows: int, columns: int) -> None:
            shapes[f"{name}.weight"] = (rows, columns)
            if not llama:
                shapes[f"{name}.bias"] = (rows,)

        for i in range(self.layers):
            block = f"blocks.{i}"
            norm(f"{block}.attention_norm")
            for part in ("query", "key", "value", "output"):
                linear(f"{block}.attention.{part}", h, h)
            norm(f"{block}.feed_norm")
            for part in ("gate", "up") if llama else ("up",):
                linear(f"{block}.feed.{part}", self.ffn, h)
            linear(f"{block}.feed.down", h, self.ffn)
        norm("head.norm")
        if not self.tied:
            shapes["head.weight"] = (self.vocabulary, h)
        return shapes

    def parameters(self) -> int:
        """Number of parameters, all of them."""
        return sum(math.prod(shape) for shape in self.parameter_shapes().values())

    def flops_per_token(self, counting: str) -> float:
        """FLOPs of forward and backward for one token of a full context.

        counting: `all`: 6 N + 12 L h s (nanoGPT); `palm`: the same without the input embeddings
        (PaLM, torchtitan); `causal`: `palm` with the half of attention that a causal mask leaves.
        Norms, activations and the softmax are not counted. The head counts, tied or not.
        """
        looked_up = self.vocabulary + (self.context if self.shape == "gpt" else 0)
        head = self.vocabulary * self.hidden if self.tied else 0
        within = self.parameters() - looked_up * self.hidden + head
        attention = 12 * self.layers * self.hidden * self.context
        if counting == "all":
            return float(6 * self.parameters() + attention)
        if counting == "palm":
            return float(6 * within + attention)
        if counting == "causal":
            return 6 * within + attention / 2
        raise ValueError(f"counting must be all, palm or causal, not {counting!r}")


PRESETS = {
    "skywork_13b": ModelConfig(  # Table 3
        vocabulary=65_536, hidden=4_608, layers=52, heads=36, ffn=12_288, context=4_096
    ),
    "llama2_13b": ModelConfig(  # Table 3, FFN as printed there (LLaMA 2 itself has 13,824)
        vocabulary=32_000, hidden=5_120, layers=40, heads=40, ffn=13_696, context=4_096
    ),
    "gpt_7b": ModelConfig(  # Appendix A; vocabulary and biases are ours: section 3.3, GPT-2
        shape="gpt",
        vocabulary=65_536,
        hidden=4_096,
        layers=32,
        heads=32,
        ffn=16_384,
        context=4_096,
        dropout=0.1,
    ),
    "llama_7b": ModelConfig(  # Appendix A
        vocabulary=65_536, hidden=4_096, layers=32, heads=32, ffn=11_008, context=4_096
    ),
    # For CPUs: a minute on two cores, and a few seconds.
    "llama_4m": ModelConfig(vocabulary=4_096, hidden=192, layers=6, heads=6, ffn=512, context=256),
    "llama_tiny": ModelConfig(vocabulary=512, hidden=64, layers=4, heads=4, ffn=172, context=64),
    "gpt_tiny": ModelConfig(
        shape="gpt",
        vocabulary=512,
        hidden=64,
        layers=4,
        heads=4,
        ffn=256,
        context=64,
        dropout=0.1,
    ),
}


def model_config(table: dict[str, Any], where: str) -> ModelConfig:
    """A model from a TOML table: `preset`, and what differs from it; or every size.

    Raises:
        SettingsError: unknown preset or key, a value that cannot be.
    """
    name = table.get("preset")
    rest = {k: v for k, v in table.items() if k != "preset"}
    if name is None:
        return build(ModelConfig, rest, where)
    if name not in PRESETS:
        raise SettingsError(f"{where}.preset: {name!r} is none of: {', '.join(PRESETS)}")
    return build(ModelConfig, dataclasses.asdict(PRESETS[name]) | rest, where)
