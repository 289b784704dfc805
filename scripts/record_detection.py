#!/usr/bin/env python3
"""Records what PyTorch, torchvision and the definitions of VOC and COCO make of small random boxes, for the tests.

usage: record_detection.py [FILE]        default: src/test/resources/golden/detection.safetensors

All in double precision. Boxes are left, top, right, bottom; objects are image, label, difficult, crowd, area, box;
detections image, label, score, box.

priors [P, 4]                     of grids 4x4 and 2x2 on an image of 32x40
loss.{logits,offsets,objects}     a batch of 3 images, one of them without objects, 4 classes and a background
loss.{loss,matches,logits.gradient,offsets.gradient}
nms.{detections,kept}             torchvision's nms of each class, indices of those that stay, highest score first
scores.{objects,detections}       40 images, 5 classes, the last of which has no objects
scores.{voc11,voc,coco}           mean over classes; scores.voc11.classes [5] has NaN where there are no objects
scores.coco.{50,75,small,medium,large}
"""

import sys

import numpy as np
import torch
from torch.nn import functional
from torchvision.ops import box_iou, nms

from record_parity_case import write

HEIGHT, WIDTH = 32, 40
GRIDS = [(4, 4, 8, 6, 12, [2.0]), (2, 2, 16, 12, 24, [2.0, 3.0])]
VARIANCES = torch.tensor([0.1, 0.1, 0.2, 0.2], dtype=torch.float64)


def priors():
    """Centre and size of each, in shares of the image's sides."""
    boxes = []
    for rows, columns, step, least, most, ratios in GRIDS:
        sides = [(least, least), ((least * most) ** 0.5,) * 2]
        for r in ratios:
            sides += [(least * r ** 0.5, least / r ** 0.5), (least / r ** 0.5, least * r ** 0.5)]
        for y in range(rows):
            for x in range(columns):
                boxes += [((x + 0.5) * step / WIDTH, (y + 0.5) * step / HEIGHT, w / WIDTH, h / HEIGHT) for w, h in sides]
    return torch.tensor(boxes, dtype=torch.float64)


def corners(b):
    return torch.cat([b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2], 1)


def centred(b):
    return torch.cat([(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], 1)


def random_boxes(n, least, most, generator):
    sides = least + (most - least) * torch.rand(n, 2, generator=generator, dtype=torch.float64)
    start = torch.rand(n, 2, generator=generator, dtype=torch.float64) * (1 - sides)
    return torch.cat([start, start + sides], 1)


def match(all_priors, boxes):
    """Greedy: the largest overlap of all first; then every prior above one half."""
    overlaps = box_iou(boxes, corners(all_priors))
    found = torch.full((len(all_priors),), -1)
    best = overlaps.max(0)
    found[best.values > 0.5] = best.indices[best.values > 0.5]
    left = overlaps.clone()
    for _ in boxes:
        flat = int(left.argmax())
        t, p = divmod(flat, left.shape[1])
        found[p] = t
        left[t], left[:, p] = -1, -1
    return found, best.values


def multibox(logits, offsets, objects, all_priors):
    classes, distances, count = 0, 0, 0
    for n in range(len(logits)):
        mine = objects[objects[:, 0] == n]
        if len(mine) == 0:
            continue
        found, overlap = match(all_priors, mine[:, 5:])
        positive = found >= 0
        target = torch.zeros(len(all_priors), dtype=torch.long)
        target[positive] = 1 + mine[found[positive], 1].long()
        losses = functional.cross_entropy(logits[n], target, reduction="none")
        candidates = torch.nonzero(~positive & (overlap < 0.5))[:, 0]
        hardest = candidates[losses[candidates].argsort(descending=True)][:3 * int(positive.sum())]
        classes = classes + losses[positive].sum() + losses[hardest].sum()
        p, g = all_priors[positive], centred(mine[found[positive], 5:])
        code = torch.cat([(g[:, :2] - p[:, :2]) / p[:, 2:], (g[:, 2:] / p[:, 2:]).log()], 1) / VARIANCES
        distances = distances + functional.smooth_l1_loss(offsets[n][positive], code, reduction="sum")
        count += int(positive.sum())
    return (classes + distances) / count, count


def scene(images, labels, generator):
    """Objects, and detections near some of them, at others' places, twice, and of nothing."""
    objects, detections = [], []

    def uniform(low, high):
        return float(low + (high - low) * torch.rand(1, generator=generator, dtype=torch.float64))

    def box(least, most):
        w, h = uniform(least, most), uniform(least, most)
        x, y = uniform(0, 300), uniform(0, 300)
        return [x, y, x + w, y + h]

    for n in range(images):
        for _ in range(int(uniform(0, 7))):
            b, label = box(8, 180), int(uniform(0, labels - 1))
            crowd = uniform(0, 1) < 0.08
            area = (b[2] - b[0]) * (b[3] - b[1]) * uniform(0.4, 1)
            objects.append([n, label, uniform(0, 1) < 0.2 and not crowd, crowd, area] + b)
            for _ in range(int(uniform(0, 3.5))):
                near = [v + uniform(-0.12, 0.12) * (b[2 + i % 2] - b[i % 2]) for i, v in enumerate(b)]
                wrong = uniform(0, 1) < 0.15
                detections.append([n, int(uniform(0, labels)) if wrong else label, uniform(0.2, 1)] + near)
        for _ in range(int(uniform(0, 3))):
            detections.append([n, int(uniform(0, labels)), uniform(0, 0.8)] + box(8, 180))
    return torch.tensor(objects, dtype=torch.float64), torch.tensor(detections, dtype=torch.float64)


def overlap(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    return w * h if w > 0 and h > 0 else 0.0


def area(b):
    return (b[2] - b[0]) * (b[3] - b[1])


def iou(a, b):
    both = overlap(a, b)
    return both / (area(a) + area(b) - both)


def voc(objects, detections, label, eleven):
    """The development kit's VOCevaldet, crowds left out."""
    truth = [o for o in objects if o[1] == label and not o[3]]
    positives = sum(1 for o in truth if not o[2])
    if positives == 0:
        return float("nan")
    found = sorted((d for d in detections if d[1] == label), key=lambda d: -d[2])
    used, right, wrong = set(), [], []
    for d in found:
        overlaps = [(iou(d[3:], o[5:]), i) for i, o in enumerate(truth) if o[0] == d[0]]
        most, i = max(overlaps, default=(-1, -1))
        r, w = 0, 1
        if most >= 0.5:
            if truth[i][2]:
                r, w = 0, 0
            elif i not in used:
                used.add(i)
                r, w = 1, 0
        right.append(r)
        wrong.append(w)
    tp, fp = np.cumsum(right), np.cumsum(wrong)
    recall = tp / positives
    precision = tp / np.maximum(tp + fp, 1)
    if eleven:
        return sum(max(precision[recall >= t / 10], default=0) for t in range(11)) / 11
    recall = np.concatenate([[0], recall, [1]])
    precision = np.concatenate([[0], precision, [0]])
    for i in range(len(precision) - 2, -1, -1):
        precision[i] = max(precision[i], precision[i + 1])
    steps = np.where(recall[1:] != recall[:-1])[0] + 1
    return float(np.sum((recall[steps] - recall[steps - 1]) * precision[steps]))


def coco(objects, detections, label, threshold, sizes):
    """COCO's evaluateImg and accumulate for one class, one overlap and one range of sizes."""
    scored, positives = [], 0
    for n in sorted({o[0] for o in objects} | {d[0] for d in detections}):
        truth = [o for o in objects if o[0] == n and o[1] == label]
        ignored = [bool(o[3]) or not sizes[0] <= o[4] <= sizes[1] for o in truth]
        order = sorted(range(len(truth)), key=lambda i: ignored[i])
        truth, ignored = [truth[i] for i in order], [ignored[i] for i in order]
        positives += ignored.count(False)
        found = sorted((d for d in detections if d[0] == n and d[1] == label), key=lambda d: -d[2])[:100]
        taken = [False] * len(truth)
        for d in found:
            best, at = min(threshold, 1 - 1e-10), -1
            for i, o in enumerate(truth):
                if taken[i] and not o[3]:
                    continue
                if at >= 0 and not ignored[at] and ignored[i]:
                    break
                share = overlap(d[3:], o[5:]) / area(d[3:]) if o[3] else iou(d[3:], o[5:])
                if share >= best:
                    best, at = share, i
            if at >= 0:
                taken[at] = True
                if not ignored[at]:
                    scored.append((d[2], 1))
            elif sizes[0] <= area(d[3:]) <= sizes[1]:
                scored.append((d[2], 0))
    if positives == 0:
        return float("nan")
    scored.sort(key=lambda s: -s[0])
    right = np.cumsum([s[1] for s in scored])
    recall = right / positives
    precision = right / np.arange(1, len(scored) + 1)
    for i in range(len(scored) - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    places = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.mean([precision[p] if p < len(precision) else 0 for p in places]))


def main():
    generator = torch.Generator().manual_seed(300)
    all_priors = priors()
    tensors = {"priors": corners(all_priors)}

    count, classes = 3, 4
    truth = torch.zeros(7, 9, dtype=torch.float64)
    truth[:, 0] = torch.tensor([0, 0, 0, 0, 2, 2, 2])
    truth[:, 1] = torch.tensor([0, 1, 3, 3, 2, 0, 1])
    truth[:, 5:] = random_boxes(7, 0.12, 0.6, generator)
    logits = torch.randn(count, len(all_priors), 1 + classes, generator=generator).double().requires_grad_()
    offsets = torch.randn(count, len(all_priors), 4, generator=generator).double().requires_grad_()
    loss, matches = multibox(logits, offsets, truth, all_priors)
    loss.backward()
    tensors.update({"loss.logits": logits.detach().float(), "loss.offsets": offsets.detach().float(), "loss.objects": truth,
                    "loss.loss": loss.detach().reshape(1), "loss.matches": torch.tensor([float(matches)]),
                    "loss.logits.gradient": logits.grad, "loss.offsets.gradient": offsets.grad})

    boxes = random_boxes(80, 0.2, 0.5, generator)
    labels = torch.randint(0, 3, (80,), generator=generator)
    scores = torch.rand(80, generator=generator, dtype=torch.float64)
    kept = torch.cat([torch.nonzero(labels == c)[:, 0][nms(boxes[labels == c], scores[labels == c], 0.45)] for c in range(3)])
    tensors["nms.detections"] = torch.cat([torch.zeros(80, 1), labels[:, None], scores[:, None], boxes], 1).double()
    tensors["nms.kept"] = kept[scores[kept].argsort(descending=True)].double()

    labels = 5
    objects, detections = scene(40, labels, generator)
    tensors["scores.objects"], tensors["scores.detections"] = objects, detections
    o, d = objects.tolist(), detections.tolist()
    eleven = [voc(o, d, c, True) for c in range(labels)]
    thresholds = np.linspace(0.5, 0.95, 10)
    everything = (0, 1e10)

    def record(name, values):
        tensors["scores." + name] = torch.tensor([float(np.nanmean(values))], dtype=torch.float64)

    tensors["scores.voc11.classes"] = torch.tensor(eleven, dtype=torch.float64)
    record("voc11", eleven)
    record("voc", [voc(o, d, c, False) for c in range(labels)])
    record("coco", [coco(o, d, c, t, everything) for c in range(labels) for t in thresholds])
    record("coco.50", [coco(o, d, c, 0.5, everything) for c in range(labels)])
    record("coco.75", [coco(o, d, c, 0.75, everything) for c in range(labels)])
    for name, sizes in {"small": (0, 32 ** 2), "medium": (32 ** 2, 96 ** 2), "large": (96 ** 2, 1e10)}.items():
        record("coco." + name, [coco(o, d, c, t, sizes) for c in range(labels) for t in thresholds])

    path = sys.argv[1] if len(sys.argv) > 1 else "src/test/resources/golden/detection.safetensors"
    write(path, tensors, {"format": "detection-1", "torch": torch.__version__})
    print({n: t.item() for n, t in tensors.items() if t.numel() == 1})


main()
