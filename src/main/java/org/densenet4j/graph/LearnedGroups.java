package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * A learned group convolution (Huang et al. 2018, arXiv 1711.09224, section 3.1): a 1x1 convolution
 * that becomes one in groups while it is trained. Output <i>o</i> is of group <i>o</i> mod {@code
 * groups}. All outputs of a group see the same inputs, of which training takes {@code 1/factor}
 * away at a time, those with the smallest weights, until {@code 1/factor} are left.
 *
 * @param weight name of the convolution's weights [out, in, 1, 1]
 * @param groups G in the paper; a divisor of inputs and outputs
 * @param factor the condensation factor, C in the paper; a divisor of the inputs
 */
public record LearnedGroups(String weight, int groups, int factor) {
    /** Refuses what is no number of groups. */
    public LearnedGroups {
        requireNonNull(weight, "weight");
        if (groups < 1 || factor < 1) {
            throw new GraphException(
                    "the weights '"
                            + weight
                            + "' have "
                            + groups
                            + " learned groups with a condensation factor of "
                            + factor
                            + ": use 1 or more of both");
        }
    }

    /**
     * {@return how often inputs have been taken away when a share of training is over, from 0 to
     * {@code factor − 1}: the first half of training has as many stages, of equal length, and after
     * stage <i>i</i> {@code (factor − i)/factor} of the inputs are left (section 3.1 of the paper)}
     *
     * @param progress of training, from 0 to 1
     * @throws IllegalArgumentException when it is less or more
     */
    public int stage(double progress) {
        if (!(progress >= 0 && progress <= 1)) {
            throw new IllegalArgumentException(
                    "progress = " + progress + ": use a share of training from 0 to 1");
        }
        int stage = 0;
        while (stage < factor - 1 && 2 * progress >= (stage + 1.0) / (factor - 1)) {
            stage++;
        }
        return stage;
    }

    /**
     * {@return how many inputs of a group are left when condensation is over}
     *
     * @param inputs that there were
     */
    public int left(int inputs) {
        return inputs / factor;
    }

    /**
     * {@return name of the mask beside the weights in files: the authors' {@code conv_1._mask} for
     * {@code conv_1.conv.weight}, else {@code conv1.mask} for {@code conv1.weight}}
     */
    public String mask() {
        if (weight.endsWith(".conv.weight")) {
            return weight.replaceFirst("conv\\.weight$", "_mask");
        }
        return weight.replaceFirst("\\.weight$", "") + ".mask";
    }

    /**
     * {@return name of the index of inputs beside the weights of a converted network: the authors'
     * {@code conv_1.index} for {@code conv_1.conv.weight}, else {@code conv1.index} for {@code
     * conv1.weight}}
     */
    public String index() {
        return weight.replaceFirst("(\\.conv)?\\.weight$", "") + ".index";
    }

    /**
     * {@return what is wrong with a mask, in words that follow its name; empty where nothing is}
     *
     * @param weights the tensor that {@link #weight} names
     * @param mask [out, in], which should be zeros and ones, the same for all outputs of a group,
     *     and as many zeros for each group
     */
    public Optional<String> misfit(ParameterSpec weights, float[] mask) {
        requireNonNull(weights, "weights");
        requireNonNull(mask, "mask");
        int inputs = weights.shape().get(1);
        if (mask.length != weights.count()) {
            return Optional.of("has " + mask.length + " values, its weights " + weights.count());
        }
        for (int i = 0; i < mask.length; i++) {
            float value = mask[i];
            int group = i / inputs % groups;
            if (value != 0 && value != 1) {
                return Optional.of("is " + value + " somewhere, neither 0 nor 1");
            }
            if (value != mask[group * inputs + i % inputs]) {
                return Optional.of(
                        "takes input "
                                + i % inputs
                                + " from some outputs of group "
                                + group
                                + " only");
            }
        }
        int first = taken(mask, 0, inputs);
        for (int group = 1; group < groups; group++) {
            int taken = taken(mask, group, inputs);
            if (taken != first) {
                return Optional.of(
                        "takes "
                                + first
                                + " inputs from group 0, and "
                                + taken
                                + " from group "
                                + group);
            }
        }
        return Optional.empty();
    }

    /**
     * {@return how many inputs a mask has taken away from each group}
     *
     * @param weights the tensor that {@link #weight} names
     * @param mask [out, in] without a {@link #misfit}
     */
    public int taken(ParameterSpec weights, float[] mask) {
        requireNonNull(weights, "weights");
        requireNonNull(mask, "mask");
        return taken(mask, 0, weights.shape().get(1));
    }

    private static int taken(float[] mask, int group, int inputs) {
        int taken = 0;
        for (int i = group * inputs; i < (group + 1) * inputs; i++) {
            taken += mask[i] == 0 ? 1 : 0;
        }
        return taken;
    }

    /** Refuses weights that cannot be put into groups. */
    void check(ParameterSpec weights) {
        boolean convolution = weights.role() == ParameterSpec.Role.CONV_WEIGHT;
        if (!convolution || !weights.shape().subList(2, 4).equals(List.of(1, 1))) {
            throw new GraphException(
                    "the tensor '"
                            + weight
                            + "' cannot have learned groups: it is not of a 1x1 convolution");
        }
        int outputs = weights.shape().get(0);
        int inputs = weights.shape().get(1);
        if (inputs % groups != 0 || outputs % groups != 0 || inputs % factor != 0) {
            throw new GraphException(
                    "the weights '"
                            + weight
                            + "' have "
                            + outputs
                            + " outputs and "
                            + inputs
                            + " inputs: "
                            + groups
                            + " learned groups have to divide both, and a condensation factor of "
                            + factor
                            + " the inputs");
        }
    }
}
