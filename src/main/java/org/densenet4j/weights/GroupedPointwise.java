package org.densenet4j.weights;

import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.ParameterSpec;

import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A condensed 1x1 convolution as CondenseNet's authors convert it (Huang et al. 2018, arXiv
 * 1711.09224, section 3.2): one in groups, each of which reads inputs of its own. Outputs of a
 * group lie behind each other; in the network they take turns.
 *
 * @param learned its groups
 * @param outputs of the convolution
 * @param index the inputs of the first group in ascending order, of the second, and so on
 * @param weights [outputs, left]
 */
record GroupedPointwise(LearnedGroups learned, int outputs, int[] index, float[] weights) {
    /**
     * @param mask [outputs, inputs], 0 where an input of a group was taken away; groups of which
     *     less is left than the factor says are filled up with inputs that have weights of zero
     */
    static GroupedPointwise of(
            LearnedGroups learned, ParameterSpec parameter, float[] all, float[] mask) {
        int inputs = parameter.shape().get(1);
        int outputs = parameter.shape().get(0);
        int left = learned.left(inputs);
        int groups = learned.groups();
        int ofGroup = outputs / groups;
        int[] index = new int[groups * left];
        float[] own = new float[outputs * left];
        for (int group = 0; group < groups; group++) {
            int row = group * inputs;
            int[] kept =
                    IntStream.range(0, inputs)
                            .boxed()
                            .sorted(Comparator.comparing(i -> mask[row + i] == 0))
                            .limit(left)
                            .mapToInt(Integer::intValue)
                            .sorted()
                            .toArray();
            System.arraycopy(kept, 0, index, group * left, left);
            for (int j = 0; j < ofGroup; j++) {
                for (int i = 0; i < left; i++) {
                    own[(group * ofGroup + j) * left + i] =
                            all[(j * groups + group) * inputs + kept[i]];
                }
            }
        }
        return new GroupedPointwise(learned, outputs, index, own);
    }

    /**
     * The same by what the weights are zero in.
     *
     * @throws IllegalArgumentException when more is left of a group than the factor says
     */
    static GroupedPointwise of(LearnedGroups learned, ParameterSpec parameter, float[] all) {
        int inputs = parameter.shape().get(1);
        float[] mask = new float[all.length];
        for (int i = 0; i < all.length; i++) {
            if (all[i] != 0) {
                mask[i / inputs % learned.groups() * inputs + i % inputs] = 1;
            }
        }
        for (int group = 0; group < learned.groups(); group++) {
            int row = group * inputs;
            long there = IntStream.range(row, row + inputs).filter(i -> mask[i] != 0).count();
            if (there > learned.left(inputs)) {
                throw new IllegalArgumentException(
                        "the weights '"
                                + learned.weight()
                                + "' are not condensed: a group reads "
                                + there
                                + " of "
                                + inputs
                                + " inputs, where condensation leaves "
                                + learned.left(inputs)
                                + "; train them for at least half of their epochs first");
            }
        }
        return of(learned, parameter, all, mask);
    }

    /** Shape of the weights. */
    List<Integer> shape() {
        return List.of(outputs, weights.length / outputs, 1, 1);
    }

    /** A value for each input of each group. */
    float[] gathered(float[] ofInputs) {
        float[] gathered = new float[index.length];
        for (int i = 0; i < index.length; i++) {
            gathered[i] = ofInputs[index[i]];
        }
        return gathered;
    }

    /** Where the outputs of the network are among those of the convolution in groups. */
    long[] order() {
        int groups = learned.groups();
        int ofGroup = outputs / groups;
        return IntStream.range(0, outputs)
                .mapToLong(o -> (long) o % groups * ofGroup + o / groups)
                .toArray();
    }
}
