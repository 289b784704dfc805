package org.densenet4j.engine;

import org.densenet4j.plan.ImageLossMemory;

/** Softmax cross-entropy of one label per image. */
final class ImageLoss implements Loss {
    private final Compute compute;
    private final ImageLossMemory memory;

    ImageLoss(Compute compute, ImageLossMemory memory) {
        this.compute = compute;
        this.memory = memory;
    }

    @Override
    public ImageLossMemory memory() {
        return memory;
    }

    @Override
    public void checkMean(int meanOver) {
        if (meanOver < 1) {
            throw new IllegalArgumentException("meanOver = " + meanOver + ": use 1 or more images");
        }
    }

    @Override
    public int recorded(int meanOver) {
        return meanOver;
    }

    @Override
    public void labels(Pass pass, int[] labels, int meanOver) {
        if (labels.length < pass.images()) {
            throw new IllegalArgumentException(
                    "labels: " + labels.length + " for a pass of " + pass.images() + " images");
        }
        for (int i = 0; i < pass.images(); i++) {
            Loss.check(labels[i], memory.classes(), "image " + i);
        }
        compute.arena().uploadInts(labels, pass.images(), memory.labels().offset());
    }

    @Override
    public void run(Pass pass, float smoothing, int meanOver) {
        compute.kernels()
                .softmaxCrossEntropy(
                        memory.logits().rows(0, pass.images()),
                        memory.labels().offset(),
                        smoothing,
                        1f / meanOver,
                        memory.losses().columns(0, pass.images()),
                        memory.hits().columns(0, pass.images()),
                        memory.logitsGradient().rows(0, pass.images()));
    }

    @Override
    public Network.Outcome outcome(Pass pass, float[] values, int meanOver) {
        int batch = memory.logits().rows();
        double loss = 0;
        int correct = 0;
        for (int i = 0; i < pass.images(); i++) {
            loss += values[i];
            correct += (int) values[batch + i];
        }
        return new Network.Outcome(loss / meanOver, correct, Double.NaN, PixelTally.NONE);
    }

    @Override
    public int firstNorm() {
        return 2 * memory.logits().rows();
    }
}
