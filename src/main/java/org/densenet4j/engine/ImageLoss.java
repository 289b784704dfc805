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
    public void check(Pass pass, Targets targets) {
        Targets.Classes classes = Loss.classes(targets);
        Loss.checkSmoothing(classes.smoothing());
        checkMean(classes.meanOver());
        int[] labels = classes.labels();
        if (labels.length < pass.images()) {
            throw new IllegalArgumentException(
                    "labels: " + labels.length + " for a pass of " + pass.images() + " images");
        }
        for (int i = 0; i < pass.images(); i++) {
            Loss.check(labels[i], memory.classes(), "image " + i);
        }
    }

    private static void checkMean(int meanOver) {
        if (meanOver < 1) {
            throw new IllegalArgumentException("meanOver = " + meanOver + ": use 1 or more images");
        }
    }

    private record Recorded(float smoothing, int meanOver) {}

    @Override
    public Object recorded(Targets targets) {
        Targets.Classes classes = Loss.classes(targets);
        return new Recorded(classes.smoothing(), classes.meanOver());
    }

    @Override
    public void upload(Pass pass, Targets targets) {
        int[] labels = Loss.classes(targets).labels();
        compute.arena().uploadInts(labels, pass.images(), memory.labels().offset());
    }

    @Override
    public void run(Pass pass, Targets targets) {
        Targets.Classes classes = Loss.classes(targets);
        compute.kernels()
                .softmaxCrossEntropy(
                        memory.logits().rows(0, pass.images()),
                        memory.labels().offset(),
                        classes.smoothing(),
                        1f / classes.meanOver(),
                        memory.losses().columns(0, pass.images()),
                        memory.hits().columns(0, pass.images()),
                        memory.logitsGradient().rows(0, pass.images()));
    }

    @Override
    public Network.Outcome outcome(Pass pass, float[] values, int meanOver) {
        checkMean(meanOver);
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
