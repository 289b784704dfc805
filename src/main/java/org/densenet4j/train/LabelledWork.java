package org.densenet4j.train;

import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.engine.Targets;

import java.util.Map;

/**
 * A loss that the device takes of the heads' logits, in the same pass.
 *
 * @param parts the targets of each micro-batch
 * @param logits receive them in evaluation, by the names of heads; empty where nobody wants them
 */
record LabelledWork(StepTargets.Parts parts, Map<String, float[]> logits) implements StepWork {
    LabelledWork(StepTargets.Parts parts) {
        this(parts, Map.of());
    }

    @Override
    public Network.Outcome train(
            Network network, Pass pass, int first, Communicator communicator, Runnable meanwhile) {
        Targets part = parts.of(first, pass.images());
        network.trainingPass(pass, part, communicator);
        meanwhile.run();
        return network.outcome(pass, part.meanOver());
    }

    @Override
    public Network.Outcome evaluate(Network network, Pass pass, int first) {
        Targets part = parts.of(first, pass.images());
        network.evaluationPass(pass, part);
        for (Map.Entry<String, float[]> head : logits.entrySet()) {
            float[] values = network.logits(head.getKey(), pass.images());
            int each = values.length / pass.images();
            System.arraycopy(values, 0, head.getValue(), first * each, values.length);
        }
        return network.outcome(pass, part.meanOver());
    }

    @Override
    public boolean sumsGradients() {
        return true;
    }

    @Override
    public double meanOver() {
        return parts.meanOver();
    }
}
