package org.densenet4j.inference;

import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.LearnedGroups;

import java.util.Optional;

/**
 * The order in which a condensed 1x1 convolution makes its outputs: those of a group behind each
 * other, as a grouped product does, while training has them interleaved. What reads them has its
 * weights in the same order, so that the channels need no shuffle (Huang et al. 2018, arXiv
 * 1711.09224, figure 3, has one between the two convolutions).
 */
final class CondensedOrder {
    private final String convolution;
    private final LearnedGroups learned;
    private final int inputs;
    private final int outputs;

    private CondensedOrder(BottleneckLayer node, LearnedGroups learned) {
        this.convolution = node.conv1();
        this.learned = learned;
        this.inputs = node.prefixChannels();
        this.outputs = node.width();
    }

    /** That of a layer; empty where its 1x1 convolution is not condensed. */
    static Optional<CondensedOrder> of(BottleneckLayer node, Optional<LearnedGroups> condensed) {
        return condensed.map(learned -> new CondensedOrder(node, learned));
    }

    /** Which output of training is at a place. */
    private int output(int place) {
        int ofGroup = outputs / learned.groups();
        return place % ofGroup * learned.groups() + place / ofGroup;
    }

    /** Values of the outputs [out, …] in this order. */
    float[] rows(float[] values) {
        int each = values.length / outputs;
        float[] ordered = new float[values.length];
        for (int place = 0; place < outputs; place++) {
            System.arraycopy(values, output(place) * each, ordered, place * each, each);
        }
        return ordered;
    }

    /** Weights [out, in, 3, 3] of the convolution that reads the outputs. */
    float[] inputs(float[] weights) {
        int each = 9;
        float[] ordered = new float[weights.length];
        for (int from = 0; from < weights.length; from += outputs * each) {
            for (int place = 0; place < outputs; place++) {
                int source = from + output(place) * each;
                System.arraycopy(weights, source, ordered, from + place * each, each);
            }
        }
        return ordered;
    }

    /**
     * Checks that no group reads more inputs than are left by condensation.
     *
     * @param weights [out, in] in the order of training
     * @throws IllegalArgumentException when one does
     */
    void requireCondensed(float[] weights) {
        for (int group = 0; group < learned.groups(); group++) {
            int read = 0;
            for (int i = 0; i < inputs; i++) {
                read += reads(weights, group, i) ? 1 : 0;
            }
            if (read > learned.left(inputs)) {
                throw new IllegalArgumentException(
                        "the weights '"
                                + convolution
                                + ".weight' are not condensed: group "
                                + group
                                + " reads "
                                + read
                                + " inputs, of which condensation leaves "
                                + learned.left(inputs)
                                + "; train to the end, or plan without condensed(true)");
            }
        }
    }

    private boolean reads(float[] weights, int group, int input) {
        for (int o = group; o < outputs; o += learned.groups()) {
            if (weights[o * inputs + input] != 0) {
                return true;
            }
        }
        return false;
    }
}
