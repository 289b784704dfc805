package org.densenet4j.parity;

import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.PixelHead;

import java.util.ArrayList;
import java.util.List;

/** What the networks of records are trained to, as their records state it. */
sealed interface RecordedObjective {
    /** Logits of a pass, in the order of the record. */
    double[] logits(Network network);

    /** The loss of a pass; its gradient is where the backward pass starts. */
    double loss(Network network, Pass pass);

    /** Cross-entropy with a class for each image or for each pixel. */
    record OfLabels(RecordedSummary recorded) implements RecordedObjective {
        @Override
        public double[] logits(Network network) {
            double[] logits = Difference.toDoubles(network.logits(recorded.batch()));
            return PixelOrder.ofLogits(recorded.spec()).channelsFirst(logits);
        }

        @Override
        public double loss(Network network, Pass pass) {
            CaseBatch batch = recorded.images();
            return network.loss(pass, batch.labels(), 0, batch.labelled());
        }
    }

    /** Half the sum of mean squared errors of all heads' outputs. */
    final class OfTargets implements RecordedObjective {
        private final int images;
        private final List<Output> outputs = new ArrayList<>();

        /** One head's, with targets in the order of the engine's logits. */
        private record Output(String head, PixelOrder order, double[] targets) {}

        OfTargets(RecordedSummary recorded) {
            images = recorded.batch();
            for (Node node : recorded.spec().graph().heads()) {
                PixelHead head = (PixelHead) node;
                PixelOrder order = PixelOrder.ofOutputs(head);
                String tensor = "targets." + (outputs.size() + 1);
                double[] drawn = recorded.drawn(tensor, images * order.elements());
                outputs.add(new Output(head.name(), order, order.channelsLast(drawn)));
            }
        }

        @Override
        public double[] logits(Network network) {
            double[][] all = new double[outputs.size()][];
            int length = 0;
            for (int i = 0; i < all.length; i++) {
                all[i] = outputs.get(i).order.channelsFirst(logits(network, outputs.get(i)));
                length += all[i].length;
            }
            double[] joined = new double[length];
            int from = 0;
            for (double[] part : all) {
                System.arraycopy(part, 0, joined, from, part.length);
                from += part.length;
            }
            return joined;
        }

        private double[] logits(Network network, Output output) {
            return Difference.toDoubles(network.logits(output.head, images));
        }

        @Override
        public double loss(Network network, Pass pass) {
            double loss = 0;
            for (Output output : outputs) {
                double[] logits = logits(network, output);
                float[] gradient = new float[logits.length];
                double squares = 0;
                for (int i = 0; i < logits.length; i++) {
                    double error = logits[i] - output.targets[i];
                    squares += error * error;
                    gradient[i] = (float) (error / logits.length);
                }
                loss += squares / 2 / logits.length;
                network.logitsGradient(output.head, gradient, images);
            }
            return loss;
        }
    }
}
