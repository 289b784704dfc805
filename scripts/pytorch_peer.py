#!/usr/bin/env python3
"""DenseNet training steps in PyTorch, measured for comparison with densenet4j on the same GPU.

DenseNet-121 is torchvision's where torchvision is installed; DenseNet-BC-100-12, and DenseNet-121 without
torchvision, are the plain modules below: concatenate, batch norm, ReLU, convolve, as the paper's own code did.
--list prints the configurations and needs no PyTorch.
"""

import argparse
import gc
import itertools
import json
import statistics
import sys
import time

# model, height and width, batch sizes
MODELS = {"bc-100-12": (32, (64, 256)), "densenet121": (224, (32, 64, 256))}
COLUMNS = ("framework", "model", "batch", "variant", "precision", "images_per_s", "peak_bytes", "reserved_bytes", "note")


def configurations(arguments):
    """Every configuration, eager before compiled, so that a time limit cuts the slow ones."""
    for compiled, precision, model in itertools.product(
        (False, True) if arguments.compile else (False,), arguments.precisions, arguments.models
    ):
        for batch, efficient in itertools.product(MODELS[model][1], (False, True)):
            if arguments.batches and batch not in arguments.batches:
                continue
            yield {"model": model, "size": MODELS[model][0], "batch": batch, "memory_efficient": efficient,
                   "compile": compiled, "precision": precision}


def variant(c):
    return ("memory_efficient" if c["memory_efficient"] else "naive") + ("+compile" if c["compile"] else "")


def dense_net(torch, growth, layers, initial, classes, imagenet_stem, efficient):
    """A DenseNet-BC (Huang et al. 2017, section 3) with compression 0.5."""
    nn = torch.nn
    from torch.utils.checkpoint import checkpoint

    class Layer(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.norm1 = nn.BatchNorm2d(channels)
            self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(4 * growth)
            self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

        def bottleneck(self, *features):
            return self.conv1(torch.relu(self.norm1(torch.cat(features, 1))))

        def forward(self, features):
            if efficient and self.training:
                z = checkpoint(self.bottleneck, *features, use_reentrant=False)
            else:
                z = self.bottleneck(*features)
            return self.conv2(torch.relu(self.norm2(z)))

    class Block(nn.Module):
        def __init__(self, channels, count):
            super().__init__()
            self.layers = nn.ModuleList(Layer(channels + i * growth) for i in range(count))

        def forward(self, x):
            features = [x]
            for layer in self.layers:
                features.append(layer(features))
            return torch.cat(features, 1)

    if imagenet_stem:
        stem = [nn.Conv2d(3, initial, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(initial), nn.ReLU(),
                nn.MaxPool2d(3, stride=2, padding=1)]
    else:
        stem = [nn.Conv2d(3, initial, 3, padding=1, bias=False)]
    parts, channels = stem, initial
    for index, count in enumerate(layers):
        parts.append(Block(channels, count))
        channels += count * growth
        if index + 1 < len(layers):
            parts += [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels // 2, 1, bias=False),
                      nn.AvgPool2d(2)]
            channels //= 2
    parts += [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
    return nn.Sequential(*parts)


def build(torch, c):
    """The network, the number of its classes, and where it comes from."""
    if c["model"] == "bc-100-12":
        return dense_net(torch, 12, (16, 16, 16), 24, 10, False, c["memory_efficient"]), 10, "own module"
    try:
        from torchvision.models import densenet121
    except ImportError:
        return dense_net(torch, 32, (6, 12, 24, 16), 64, 1000, True, c["memory_efficient"]), 1000, "own module"
    return densenet121(memory_efficient=c["memory_efficient"]), 1000, "torchvision"


def measure(torch, c, warm_up, steps):
    """Median images per second, and peak memory of a step after the warm-up."""
    tf32 = c["precision"] != "fp32"
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(1)
    network, classes, source = build(torch, c)
    network = network.cuda().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4)
    run = torch.compile(network) if c["compile"] else network
    images = torch.randn(c["batch"], 3, c["size"], c["size"], device="cuda").to(memory_format=torch.channels_last)
    labels = torch.randint(0, classes, (c["batch"],), device="cuda")
    loss_of = torch.nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=c["precision"] == "bf16"):
            loss = loss_of(run(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(warm_up):
        step()
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(steps)]
    for start, end in events:
        start.record()
        loss = step()
        end.record()
    torch.cuda.synchronize()
    seconds = statistics.median(start.elapsed_time(end) for start, end in events) / 1e3
    return {"images_per_s": c["batch"] / seconds, "median_s": seconds, "loss": loss.item(), "source": source,
            "peak_bytes": torch.cuda.max_memory_allocated(), "reserved_bytes": torch.cuda.max_memory_reserved()}


def row(result):
    cells = {"framework": "pytorch", "variant": variant(result), **result}
    cells["images_per_s"] = f"{result['images_per_s']:.1f}" if "images_per_s" in result else "-"
    cells["note"] = result.get("error") or result.get("source", "")
    return "\t".join(str(cells.get(name, "-")) for name in COLUMNS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=sorted(MODELS), default=list(MODELS))
    parser.add_argument("--batches", nargs="+", type=int, help="only these batch sizes")
    parser.add_argument("--precisions", nargs="+", choices=("fp32", "tf32", "bf16"), default=["fp32", "tf32", "bf16"])
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="leave torch.compile out")
    parser.add_argument("--warm-up", type=int, default=5, help="steps before the measurement (default: 5)")
    parser.add_argument("--steps", type=int, default=20, help="measured steps (default: 20)")
    parser.add_argument("--time-limit", type=float, default=float("inf"), metavar="SECONDS",
                        help="start no further configuration after this time")
    parser.add_argument("--json", metavar="FILE", help="write all results there")
    parser.add_argument("--list", action="store_true", help="print the configurations and stop")
    arguments = parser.parse_args()
    if arguments.steps < 1 or arguments.warm_up < 1:
        parser.error("--steps and --warm-up need 1 or more")
    chosen = list(configurations(arguments))
    if arguments.list:
        for c in chosen:
            print(c["model"], c["batch"], variant(c), c["precision"], sep="\t")
        return 0
    try:
        import torch
    except ImportError:
        print("pytorch_peer: PyTorch is not installed for " + sys.executable, file=sys.stderr)
        return 2
    if not torch.cuda.is_available():
        print("pytorch_peer: PyTorch sees no CUDA device", file=sys.stderr)
        return 2
    began = time.monotonic()
    report = {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(),
              "device": torch.cuda.get_device_name(0), "results": []}
    for c in chosen:
        if time.monotonic() - began > arguments.time_limit:
            c["error"] = "not run: time limit"
        else:
            try:
                c.update(measure(torch, c, arguments.warm_up, arguments.steps))
            except torch.cuda.OutOfMemoryError:
                c["error"] = "out of memory"
            except Exception as e:  # One configuration that fails must not cost the others.
                c["error"] = f"{type(e).__name__}: {e}".splitlines()[0][:200]
            gc.collect()
            torch.cuda.empty_cache()
            if c["compile"]:
                torch._dynamo.reset()
        report["results"].append(c)
        print(row(c), flush=True)
        if arguments.json:
            with open(arguments.json, "w", encoding="utf-8") as file:
                json.dump(report, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
