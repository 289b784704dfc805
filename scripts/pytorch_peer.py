#!/usr/bin/env python3
"""DenseNet training steps in PyTorch, measured for comparison with densenet4j on the same GPU.

A configuration is MODEL:BATCH:PRECISION and further words, such as densenet121:256:tf32:memory_efficient:compile:copied.

  MODEL             bc-10-4, bc-100-12 (32x32 images) or densenet121 (224x224)
  PRECISION         fp32, tf32 or bf16 (autocast)
  memory_efficient  the bottlenecks are checkpointed
  compile           torch.compile; compile=reduce-overhead and compile=max-autotune replay CUDA graphs
  copied            each step copies its images from page-locked memory (non_blocking); else they lie on the GPU
  inference         forward passes alone, in evaluation mode; with bf16 the network's own tensors are bf16

Each runs in a process of its own, so that one that hangs ends only itself. DenseNet-121 is torchvision's where
torchvision is installed; the others, and DenseNet-121 without torchvision, are the plain modules below: concatenate,
batch norm, ReLU, convolve, as the paper's own code did. SGD is fused where this PyTorch has that, else foreach.
--list prints the configurations and needs no PyTorch.
"""

import argparse
import itertools
import json
import os
import re
import select
import signal
import statistics
import subprocess
import sys
import time

STARTED = time.monotonic()  # Limits count the import of PyTorch.

# model: height and width, batch sizes that are listed
MODELS = {"bc-10-4": (32, ()), "bc-100-12": (32, (64, 256)), "densenet121": (224, (32, 64, 256))}
PRECISIONS = ("fp32", "tf32", "bf16")
MODES = ("default", "reduce-overhead", "max-autotune")
COLUMNS = ("framework", "model", "batch", "variant", "precision", "input", "images_per_s", "peak_bytes",
           "reserved_bytes", "card_bytes", "note")


def configuration(text):
    """Reads MODEL:BATCH:PRECISION[:WORD...]."""
    words = text.split(":")
    if len(words) < 3 or words[0] not in MODELS or not re.fullmatch("[1-9][0-9]{0,5}", words[1]) \
            or words[2] not in PRECISIONS:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not MODEL:BATCH:PRECISION with {', '.join(MODELS)}; a number; {', '.join(PRECISIONS)}")
    c = {"model": words[0], "size": MODELS[words[0]][0], "batch": int(words[1]), "precision": words[2],
         "memory_efficient": False, "compile": None, "input": "on-gpu", "inference": False}
    for word in words[3:]:
        if word == "memory_efficient":
            c["memory_efficient"] = True
        elif word == "copied":
            c["input"] = "copied"
        elif word == "inference":
            c["inference"] = True
        elif word == "compile":
            c["compile"] = "default"
        elif word.startswith("compile=") and word[8:] in MODES:
            c["compile"] = word[8:]
        else:
            raise argparse.ArgumentTypeError(
                f"'{word}' in '{text}' is not memory_efficient, copied, inference, compile or compile={'|'.join(MODES)}")
    return c


def spelled(c):
    """The configuration as it is given on the command line."""
    words = [c["model"], str(c["batch"]), c["precision"]]
    words += ["memory_efficient"] if c["memory_efficient"] else []
    words += [] if c["compile"] is None else ["compile" if c["compile"] == "default" else "compile=" + c["compile"]]
    words += ["copied"] if c["input"] == "copied" else []
    words += ["inference"] if c["inference"] else []
    return ":".join(words)


def every_configuration():
    """What is measured when nothing is chosen: eager before compiled, so that a time limit cuts the slow ones."""
    for mode, precision, model in itertools.product((None,) + MODES, PRECISIONS, MODELS):
        for batch, efficient in itertools.product(MODELS[model][1], (False, True)):
            if efficient and mode not in (None, "default"):
                continue
            yield {"model": model, "size": MODELS[model][0], "batch": batch, "precision": precision,
                   "memory_efficient": efficient, "compile": mode, "input": "on-gpu", "inference": False}


def variant(c):
    name = "inference" if c["inference"] else "memory_efficient" if c["memory_efficient"] else "naive"
    return name if c["compile"] is None else name + "+" + ("compile" if c["compile"] == "default" else c["compile"])


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
    if c["model"] == "bc-10-4":
        return dense_net(torch, 4, (1, 1, 1), 8, 10, False, c["memory_efficient"]), 10, "own module"
    if c["model"] == "bc-100-12":
        return dense_net(torch, 12, (16, 16, 16), 24, 10, False, c["memory_efficient"]), 10, "own module"
    try:
        from torchvision.models import densenet121
    except ImportError:
        return dense_net(torch, 32, (6, 12, 24, 16), 64, 1000, True, c["memory_efficient"]), 1000, "own module"
    return densenet121(memory_efficient=c["memory_efficient"]), 1000, "torchvision"


def sgd(torch, parameters):
    """PyTorch's fastest SGD: one kernel for all parameters, or a few, or one for each."""
    settings = {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}
    for kind in ("fused", "foreach"):
        try:
            return torch.optim.SGD(parameters, **settings, **{kind: True}), kind
        except (TypeError, RuntimeError, ValueError):
            continue  # This version, or this device, has it not.
    return torch.optim.SGD(parameters, **settings), "plain"


def compiled(torch, network, mode):
    if not hasattr(torch, "compile"):
        raise RuntimeError(f"PyTorch {torch.__version__} has no torch.compile")
    return torch.compile(network) if mode == "default" else torch.compile(network, mode=mode)


def measure(torch, c, device, warm_up, steps):
    """Median images per second, and peak memory of a step after the warm-up."""
    on_gpu = device == "cuda"
    tf32 = c["precision"] != "fp32"
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(1)
    network, classes, source = build(torch, c)
    network = network.to(device).to(memory_format=torch.channels_last).train(not c["inference"])
    stored = torch.bfloat16 if c["inference"] and c["precision"] == "bf16" else torch.float32
    network = network.to(stored)
    optimizer, kind = sgd(torch, list(network.parameters()))
    run = network if c["compile"] is None else compiled(torch, network, c["compile"])
    host = torch.randn(c["batch"], 3, c["size"], c["size"]).to(memory_format=torch.channels_last, dtype=stored)
    images = host.to(device)
    labels = torch.randint(0, classes, (c["batch"],), device=device)
    if on_gpu and c["input"] == "copied":
        host = host.pin_memory()
    loss_of = torch.nn.CrossEntropyLoss()
    mark = getattr(getattr(torch, "compiler", None), "cudagraph_mark_step_begin", lambda: None)

    def step():
        if c["compile"] is not None:
            mark()
        if c["input"] == "copied":
            images.copy_(host, non_blocking=True)
        if c["inference"]:
            with torch.inference_mode():
                return run(images).sum()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=c["precision"] == "bf16"):
            loss = loss_of(run(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    began = time.monotonic()
    for _ in range(warm_up):
        loss = step()
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    warm_up_s = time.monotonic() - began
    seconds = []
    if on_gpu:
        events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(steps)]
        for start, end in events:
            start.record()
            loss = step()
            end.record()
        torch.cuda.synchronize()
        seconds = [start.elapsed_time(end) / 1e3 for start, end in events]
    else:
        for _ in range(steps):
            start = time.perf_counter()
            loss = step()
            seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    result = {"images_per_s": c["batch"] / median, "median_s": median, "warm_up_s": warm_up_s, "loss": loss.item(),
              "source": source if c["inference"] else f"{source}, {kind} SGD", "torch": torch.__version__}
    if on_gpu:
        result.update(peak_bytes=torch.cuda.max_memory_allocated(), reserved_bytes=torch.cuda.max_memory_reserved(),
                      cuda=torch.version.cuda, cudnn=torch.backends.cudnn.version(),
                      device=torch.cuda.get_device_name(0))
    return result


def ceilings(torch, device):
    """What this card gives at best: copies and matrix products of random numbers."""
    def rate(work, amount, repeat=10):
        for _ in range(3):
            work()
        torch.cuda.synchronize()
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(repeat):
            work()
        end.record()
        torch.cuda.synchronize()
        return amount * repeat / (start.elapsed_time(end) / 1e3)

    if device != "cuda":
        return {}
    source = torch.randn(1 << 28, device="cuda")
    target = torch.empty_like(source)
    found = {"copy_GB_per_s": rate(lambda: target.copy_(source), 2 * 4 * source.numel()) / 1e9}
    del source, target
    n = 8192
    for name, type_, tf32 in (("bf16", torch.bfloat16, True), ("tf32", torch.float32, True),
                              ("fp32", torch.float32, False)):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a, b = (torch.randn(n, n, device="cuda", dtype=type_) for _ in range(2))
        c = torch.empty(n, n, device="cuda", dtype=type_)
        found[name + "_TFLOP_per_s"] = rate(lambda: torch.mm(a, b, out=c), 2 * n**3, 5) / 1e12
    return found


def card_memory():
    """Bytes in use on the first visible card as nvidia-smi tells, or None."""
    card = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0] or "0"
    try:
        said = subprocess.run(["nvidia-smi", "-i", card, "--query-gpu=memory.used", "--format=csv,noheader,nounits"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=5, check=True).stdout
        return int(said.split()[0]) << 20
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None


def in_a_process(work, limit, watch_card):
    """Runs work() in a fork that is killed after so many seconds; its dict, or one with the error."""
    before = card_memory() if watch_card else None
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            result = work()
        except Exception as e:  # Told to the parent, whatever it is.
            name = type(e).__name__
            result = {"error": "out of memory" if name == "OutOfMemoryError" else
                      (str(e) if name == "RuntimeError" else f"{name}: {e}").strip().split("\n")[0][:200]}
        with os.fdopen(writing, "w") as pipe:
            json.dump(result, pipe)
        os._exit(0)
    os.close(writing)
    end = time.monotonic() + limit
    said, most, stopped = b"", None, False
    while True:
        rest = end - time.monotonic()
        if rest <= 0:
            stopped = True
            os.kill(child, signal.SIGKILL)
            break
        if select.select([reading], [], [], min(1, rest))[0]:
            piece = os.read(reading, 1 << 16)
            if not piece:
                break
            said += piece
        elif before is not None:
            most = max(most or 0, card_memory() or 0)
    os.close(reading)
    # A process that a driver holds cannot be killed and must not hold this one.
    status = None
    for _ in range(50):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.1)
    if stopped:
        return {"error": f"stopped: time limit of {limit:.0f} s"}
    try:
        result = json.loads(said)
    except ValueError:
        return {"error": f"its process ended with status {status}"}
    if most is not None:
        result["card_bytes"] = most - before
    return result


def row(result):
    cells = {"framework": "pytorch", "variant": variant(result), **result}
    cells["images_per_s"] = f"{result['images_per_s']:.1f}" if "images_per_s" in result else "-"
    cells["note"] = (result.get("error") or result.get("source", "")).replace("\t", " ")
    return "\t".join(str(cells.get(name, "-")) for name in COLUMNS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configurations", nargs="*", type=configuration, metavar="CONFIGURATION",
                        help="what to measure (default: all that --list prints)")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu only tries this program")
    parser.add_argument("--warm-up", type=int, default=5, help="steps before the measurement (default: 5)")
    parser.add_argument("--steps", type=int, default=20, help="measured steps (default: 20)")
    parser.add_argument("--limit", type=float, default=600, metavar="SECONDS", help="for one configuration")
    parser.add_argument("--time-limit", type=float, default=float("inf"), metavar="SECONDS", help="for all together")
    parser.add_argument("--compile-only", action="store_true",
                        help="only fill the caches of torch.compile, all configurations at once")
    parser.add_argument("--ceilings", action="store_true", help="also print what the card gives at best")
    parser.add_argument("--json", metavar="FILE", help="write all results there")
    parser.add_argument("--list", action="store_true", help="print the configurations and stop")
    arguments = parser.parse_args()
    if arguments.steps < 1 or arguments.warm_up < 1:
        parser.error("--steps and --warm-up need 1 or more")
    chosen = arguments.configurations or ([] if arguments.ceilings else list(every_configuration()))
    if arguments.list:
        for c in chosen:
            print(spelled(c))
        return 0
    try:
        import torch
    except ImportError:
        print("pytorch_peer: PyTorch is not installed for " + sys.executable, file=sys.stderr)
        return 2
    # Only children touch the GPU: a process that has used CUDA cannot fork into one that does.
    sees = in_a_process(lambda: {"sees": arguments.device == "cpu" or torch.cuda.is_available()}, 60, False)
    if not sees.get("sees"):
        print("pytorch_peer: PyTorch sees no CUDA device" + (": " + sees["error"] if "error" in sees else ""),
              file=sys.stderr)
        return 2
    end = STARTED + arguments.time_limit
    report = {"results": []}
    if arguments.ceilings:
        report["ceilings"] = in_a_process(lambda: ceilings(torch, arguments.device),
                                          min(arguments.limit, end - time.monotonic()), False)
        for name, value in report["ceilings"].items():
            print(f"ceiling\t{name}\t{value if isinstance(value, str) else round(value, 1)}", flush=True)
    if arguments.compile_only:
        return compile_only(torch, chosen, arguments)
    for c in chosen:
        rest = end - time.monotonic()
        if rest < 2:
            c["error"] = "not run: time limit"
        else:
            c.update(in_a_process(lambda: measure(torch, c, arguments.device, arguments.warm_up, arguments.steps),
                                  min(arguments.limit, rest), arguments.device == "cuda"))
        report["results"].append(c)
        print(row(c), flush=True)
        if arguments.json:
            with open(arguments.json, "w", encoding="utf-8") as file:
                json.dump(report, file, indent=1)
    return 0


def compile_only(torch, chosen, arguments):
    """Compiles every configuration in a process of its own, all at the same time."""
    children = []
    for c in chosen:
        child = os.fork()
        if child == 0:
            result = in_a_process(lambda: measure(torch, c, arguments.device, 2, 1), arguments.limit, False)
            print(spelled(c), result.get("error") or f"compiled in {result['warm_up_s']:.1f} s", flush=True)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
