package org.densenet4j.engine;

import org.densenet4j.backend.OutputLoss;
import org.densenet4j.plan.VectorLossMemory;

import java.util.List;

/**
 * The loss of vectors of targets. What it is divided by differs from step to step, so the factors
 * lie in device memory, where a recorded step finds them.
 */
final class VectorLoss implements Loss {
    private final Compute compute;
    private final VectorLossMemory memory;

    VectorLoss(Compute compute, VectorLossMemory memory) {
        this.compute = compute;
        this.memory = memory;
    }

    @Override
    public VectorLossMemory memory() {
        return memory;
    }

    @Override
    public void check(Pass pass, Targets targets) {
        Targets.Vectors vectors = vectors(targets);
        int outputs = memory.classes();
        vectors.loss().requireOutputs(outputs);
        if (vectors.scale().length != outputs) {
            throw new IllegalArgumentException(
                    "scale: " + vectors.scale().length + " for " + outputs + " outputs");
        }
        int wanted = pass.images() * outputs;
        if (vectors.values().length < wanted) {
            throw new IllegalArgumentException(
                    "targets: "
                            + vectors.values().length
                            + " for a pass of "
                            + pass.images()
                            + " images with "
                            + outputs
                            + " outputs");
        }
        boolean softmax = vectors.loss() instanceof LossFunction.CrossEntropy;
        for (int i = 0; i < wanted; i++) {
            float target = vectors.values()[i];
            if (Float.isInfinite(target) || softmax && Float.isNaN(target)) {
                throw new IllegalArgumentException(
                        "target "
                                + i % outputs
                                + " of image "
                                + i / outputs
                                + " is "
                                + target
                                + (softmax ? "; use shares of classes" : ""));
            }
        }
    }

    /** What was uploaded is read from memory; the formula is part of what is recorded. */
    @Override
    public Object recorded(Targets targets) {
        LossFunction loss = vectors(targets).loss();
        return loss instanceof LossFunction.CrossEntropy c
                ? new LossFunction.CrossEntropy(c.smoothing(), c.focus(), List.of())
                : outputLoss(loss);
    }

    @Override
    public void upload(Pass pass, Targets targets) {
        Targets.Vectors vectors = vectors(targets);
        int outputs = memory.classes();
        compute.arena().upload(vectors.values(), 0, memory.targets().rows(0, pass.images()));
        float[] factors = new float[2 * outputs];
        for (int c = 0; c < outputs; c++) {
            factors[c] = vectors.scale()[c];
            factors[outputs + c] = positiveWeight(vectors.loss(), c);
        }
        compute.arena().upload(factors, 0, memory.factors());
    }

    private static float positiveWeight(LossFunction loss, int output) {
        return loss instanceof LossFunction.BinaryCrossEntropy b && !b.positiveWeights().isEmpty()
                ? b.positiveWeights().get(output).floatValue()
                : 1f;
    }

    @Override
    public void run(Pass pass, Targets targets) {
        int images = pass.images();
        if (vectors(targets).loss() instanceof LossFunction.CrossEntropy c) {
            compute.kernels()
                    .softmaxVectorLoss(
                            memory.logits().rows(0, images),
                            memory.targets().rows(0, images),
                            memory.factors().rows(0, 1),
                            (float) c.smoothing(),
                            (float) c.focus(),
                            memory.losses().columns(0, images),
                            memory.hits().columns(0, images),
                            memory.logitsGradient().rows(0, images));
        } else {
            compute.kernels()
                    .outputLoss(
                            outputLoss(vectors(targets).loss()),
                            memory.logits().rows(0, images),
                            memory.targets().rows(0, images),
                            memory.factors(),
                            memory.losses().columns(0, images),
                            memory.hits().columns(0, images),
                            memory.logitsGradient().rows(0, images));
        }
    }

    @Override
    public Network.Outcome outcome(Pass pass, float[] values, int meanOver) {
        int batch = memory.logits().rows();
        double loss = 0; // which was scaled as its gradient was
        int correct = 0;
        for (int i = 0; i < pass.images(); i++) {
            loss += values[i];
            correct += (int) values[batch + i];
        }
        return new Network.Outcome(loss, correct, Double.NaN, PixelTally.NONE);
    }

    @Override
    public int firstNorm() {
        return 2 * memory.logits().rows();
    }

    private static Targets.Vectors vectors(Targets targets) {
        if (targets instanceof Targets.Vectors vectors) {
            return vectors;
        }
        throw new IllegalArgumentException(
                "the plan is for vectors of targets, and these are indices of classes; plan with"
                        + " targets(CLASS), or give Targets.Vectors");
    }

    private static OutputLoss outputLoss(LossFunction loss) {
        return switch (loss) {
            case LossFunction.BinaryCrossEntropy b ->
                    new OutputLoss(
                            b.focus() == 0 && b.alpha() < 0
                                    ? OutputLoss.Kind.LOGISTIC
                                    : OutputLoss.Kind.FOCAL,
                            (float) b.smoothing(),
                            (float) b.focus(),
                            (float) b.alpha(),
                            1);
            case LossFunction.MeanSquaredError _ ->
                    new OutputLoss(OutputLoss.Kind.SQUARED, 0, 0, -1, 1);
            case LossFunction.Huber h ->
                    new OutputLoss(OutputLoss.Kind.HUBER, 0, 0, -1, (float) h.delta());
            case LossFunction.CrossEntropy _ ->
                    throw new IllegalArgumentException("cross-entropy has a softmax");
        };
    }
}
