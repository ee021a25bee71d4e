"""litgpt's pretraining step on one model and one batch: run by the Python which has it installed.

`train_peer.py SIZES(JSON)` prints one JSON line: tokens/s of the best round, peak memory, losses.
The loop is that of litgpt.pretrain.fit without Fabric: forward, its chunked cross-entropy,
backward, clipping, AdamW (fused, its default on CUDA).
"""

import json
import sys
import time
from pathlib import Path

import torch
from litgpt.config import Config
from litgpt.model import GPT
from litgpt.utils import chunked_cross_entropy


def main() -> None:
    sizes = json.loads(sys.argv[1])
    torch.set_num_threads(sizes["threads"])
    torch.manual_seed(0)
    model = GPT(
        Config(
            block_size=sizes["context"],
            padded_vocab_size=sizes["vocabulary"],
            vocab_size=sizes["vocabulary"],
            n_layer=sizes["layers"],
            n_head=sizes["heads"],
            n_embd=sizes["hidden"],
            intermediate_size=sizes["ffn"],
            rotary_percentage=1.0,
            parallel_residual=False,
            bias=False,
            norm_class_name="RMSNorm",
            mlp_class_name="LLaMAMLP",
        )
    )
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == sizes["parameters"], f"{parameters} parameters"
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True
    )
    shape = (sizes["batch"], sizes["context"] + 1)
    tokens = torch.randint(
        0, sizes["vocabulary"], shape, generator=torch.Generator().manual_seed(1)
    )
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    rates, own, losses = [], [], []
    for _ in range(sizes["rounds"] + 1):
        start, cpu = time.perf_counter(), time.process_time()
        for _ in range(sizes["steps"]):
            loss = chunked_cross_entropy(model(inputs), targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        rates.append(sizes["steps"] * inputs.numel() / (time.perf_counter() - start))
        own.append(sizes["steps"] * inputs.numel() / (time.process_time() - cpu))
    peak = next(x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x)
    found = {
        "tokens_per_s": max(rates[1:]),
        "tokens_per_cpu_s": max(own[1:]),
        "rss_mb": int(peak.split()[1]) / 1024,
        "first": losses[0],
        "last": losses[-1],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
