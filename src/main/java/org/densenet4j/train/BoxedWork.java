package org.densenet4j.train;

import org.densenet4j.data.LabelledBox;
import org.densenet4j.detection.MultiBoxLoss;
import org.densenet4j.detection.Priors;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.engine.PixelTally;
import org.densenet4j.spec.DetectionSpec;

import java.util.ArrayList;
import java.util.List;

/**
 * The loss of boxes, which the host takes of all heads' logits between forward and backward pass.
 *
 * <p>In training each micro-batch is divided by its own matches, as where SSD's authors accumulate
 * gradients ({@code iter_size}), and the batch's loss is the mean of the micro-batches, by their
 * images. In evaluation the whole batch is divided by its matches, so that the loss of a test does
 * not depend on its batches.
 *
 * @param spec of the network, which names the heads
 * @param batch whose objects are looked for
 * @param meanOver images of the batch over all ranks, or matches of an evaluated one
 * @param logits receives those of all priors in evaluation, [images, priors, 1 + classes]; empty
 *     where nobody wants them
 * @param offsets likewise, [images, priors, 4]
 */
record BoxedWork(
        DetectionSpec spec, BoxedBatch batch, double meanOver, float[] logits, float[] offsets)
        implements StepWork {
    private static final float[] NONE = {};

    /**
     * For a training step.
     *
     * @param images of the batch, over all ranks
     */
    static BoxedWork training(DetectionSpec spec, BoxedBatch batch, int images) {
        return new BoxedWork(spec, batch, images, NONE, NONE);
    }

    /** For an evaluation of which the heads' outputs are not wanted. */
    static BoxedWork evaluation(DetectionSpec spec, BoxedBatch batch) {
        return evaluation(spec, batch, NONE, NONE);
    }

    /** For an evaluation. */
    static BoxedWork evaluation(
            DetectionSpec spec, BoxedBatch batch, float[] logits, float[] offsets) {
        long matches = loss(spec).matches(batch.objects(0, batch.size()));
        return new BoxedWork(spec, batch, matches, logits, offsets);
    }

    @Override
    public Network.Outcome train(
            Network network, Pass pass, int first, Communicator communicator, Runnable meanwhile) {
        network.forward(pass);
        MultiBoxLoss.Outcome outcome = loss(network, pass, first);
        double share = pass.images() / meanOver;
        give(network, pass, spec.classHeads(), outcome.logitsGradient(), numbers(), share);
        give(network, pass, spec.offsetHeads(), outcome.offsetsGradient(), Priors.OFFSETS, share);
        network.backward(pass);
        meanwhile.run();
        return result(outcome, share);
    }

    @Override
    public Network.Outcome evaluate(Network network, Pass pass, int first) {
        network.forward(pass);
        MultiBoxLoss.Outcome outcome = loss(network, pass, first);
        return result(outcome, outcome.matches() / Math.max(1, meanOver));
    }

    private static MultiBoxLoss loss(DetectionSpec spec) {
        return MultiBoxLoss.of(spec.priors(), spec.classes());
    }

    private MultiBoxLoss.Outcome loss(Network network, Pass pass, int first) {
        float[] classes = joined(network, pass, spec.classHeads(), numbers());
        float[] boxes = joined(network, pass, spec.offsetHeads(), Priors.OFFSETS);
        copy(classes, logits, pass, first);
        copy(boxes, offsets, pass, first);
        List<List<LabelledBox>> objects = batch.objects(first, pass.images());
        return loss(spec).of(classes, boxes, objects);
    }

    /** Numbers of a prior that say what is in it. */
    private int numbers() {
        return 1 + spec.classes();
    }

    private float[] joined(Network network, Pass pass, List<String> heads, int numbers) {
        List<float[]> outputs = new ArrayList<>();
        for (String head : heads) {
            outputs.add(network.logits(head, pass.images()));
        }
        return spec.priors().join(outputs, numbers);
    }

    private static void copy(float[] values, float[] to, Pass pass, int first) {
        if (to.length > 0) {
            int each = values.length / pass.images();
            System.arraycopy(values, 0, to, first * each, values.length);
        }
    }

    private void give(
            Network network,
            Pass pass,
            List<String> heads,
            float[] gradient,
            int numbers,
            double share) {
        for (int i = 0; share != 1 && i < gradient.length; i++) {
            gradient[i] = (float) (gradient[i] * share);
        }
        List<float[]> parts = spec.priors().split(gradient, numbers);
        for (int grid = 0; grid < parts.size(); grid++) {
            network.logitsGradient(heads.get(grid), parts.get(grid), pass.images());
        }
    }

    private static Network.Outcome result(MultiBoxLoss.Outcome outcome, double share) {
        return new Network.Outcome(share * outcome.loss(), 0, 0, PixelTally.NONE);
    }

    @Override
    public boolean sumsGradients() {
        return false;
    }
}
