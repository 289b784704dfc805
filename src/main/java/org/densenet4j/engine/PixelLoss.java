package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.PixelLossMemory;

import java.util.Arrays;

/**
 * Softmax cross-entropy of one label per pixel, meaned over the pixels that have one. How many
 * these are differs from step to step, so the gradient's scale lies in device memory, where a
 * recorded step finds it.
 *
 * <p>Where no pixel has a label there is nothing to take a mean of: the loss is 0 and has no
 * gradient.
 */
final class PixelLoss implements Loss {
    private final Compute compute;
    private final Kernels kernels;
    private final PixelLossMemory memory;
    private final Chunks chunks;

    PixelLoss(Compute compute, PixelLossMemory memory) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.chunks = memory.rows();
    }

    @Override
    public PixelLossMemory memory() {
        return memory;
    }

    @Override
    public void check(Pass pass, Targets targets) {
        Targets.Classes classes = Loss.classes(targets);
        int meanOver = classes.meanOver();
        Loss.checkSmoothing(classes.smoothing());
        checkMean(meanOver);
        if (classes.smoothing() != 0) {
            throw new IllegalArgumentException(
                    "label smoothing = "
                            + classes.smoothing()
                            + ": there is none for labels of pixels");
        }
        int[] labels = classes.labels();
        int pixels = pass.images() * memory.labelsPerImage();
        if (labels.length < pixels) {
            throw new IllegalArgumentException(
                    "labels: "
                            + labels.length
                            + " for a pass of "
                            + pass.images()
                            + " images of "
                            + memory.labelsPerImage()
                            + " pixels");
        }
        for (int i = 0; i < pixels; i++) {
            if (labels[i] != Network.VOID_LABEL) {
                Loss.check(labels[i], memory.classes(), "pixel " + i);
                if (meanOver == 0) {
                    throw new IllegalArgumentException(
                            "meanOver = 0, and pixel "
                                    + i
                                    + " has a label; give the number of pixels that have one");
                }
            }
        }
    }

    private static void checkMean(int meanOver) {
        if (meanOver < 0) {
            throw new IllegalArgumentException("meanOver = " + meanOver + ": use 0 or more pixels");
        }
    }

    @Override
    public Object recorded(Targets targets) {
        return 0; // all of it is read from memory
    }

    @Override
    public void upload(Pass pass, Targets targets) {
        Targets.Classes classes = Loss.classes(targets);
        int pixels = pass.images() * memory.labelsPerImage();
        int meanOver = classes.meanOver();
        compute.arena().uploadInts(classes.labels(), pixels, memory.labels().offset());
        compute.arena().upload(new float[] {meanOver == 0 ? 0 : 1f / meanOver}, 0, memory.scale());
    }

    @Override
    public void run(Pass pass, Targets targets) {
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) ->
                        kernels.pixelCrossEntropy(
                                chunk.of(memory.logits()),
                                memory.labels().offset() + (long) chunk.firstRow() * Integer.BYTES,
                                Network.VOID_LABEL,
                                memory.scale(),
                                chunk.of(memory.logitsGradient()),
                                memory.tally(chunk.index())));
    }

    @Override
    public Network.Outcome outcome(Pass pass, float[] values, int meanOver) {
        checkMean(meanOver);
        int classes = memory.classes();
        long[] intersection = new long[classes];
        long[] labelled = new long[classes];
        long[] predicted = new long[classes];
        double loss = 0;
        for (int chunk = 0; chunk < chunks.count(pass.images()); chunk++) {
            int first = chunk * (1 + 3 * classes);
            loss += values[first];
            for (int c = 0; c < classes; c++) {
                intersection[c] += (long) values[first + 1 + c];
                labelled[c] += (long) values[first + 1 + classes + c];
                predicted[c] += (long) values[first + 1 + 2 * classes + c];
            }
        }
        return new Network.Outcome(
                loss / Math.max(1, meanOver), // of no pixels the sum is 0
                Math.toIntExact(Arrays.stream(intersection).sum()),
                Double.NaN,
                new PixelTally(intersection, labelled, predicted));
    }

    @Override
    public int firstNorm() {
        Matrix outcome = memory.outcome();
        return outcome.columns() - memory.squaredNorms().columns();
    }
}
