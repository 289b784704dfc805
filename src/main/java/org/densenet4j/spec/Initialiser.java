package org.densenet4j.spec;

import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Initialisation;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.Read;
import org.densenet4j.random.Philox;

import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Initial parameters, from the distributions of an {@link Initialisation}.
 *
 * <p>Every value is a function of the seed, the tensor's name and the position, computed in strict
 * arithmetic: the same on every machine and backend, in any order.
 */
public final class Initialiser {
    /** A layer that starts like this hardly matters at first (Touvron et al. 2021, section 2). */
    private static final float LAYER_SCALE = 1e-6f;

    /** Of the features of SSD (Liu et al. 2016, section 3.1), which heads then learn from. */
    private static final float L2_SCALE = 20;

    /** Of weights behind an L2 normalisation, which are heads of a DSOD. */
    private static final double HEAD_DEVIATION = 0.01;

    private static final String WEIGHT = ".weight";
    private static final String BIAS = ".bias";

    private final long seed;
    private final Initialisation initialisation;

    /** Fan-in of the weight beside each bias. */
    private final Map<String, Long> fanIns;

    /** Weights that read behind an L2 normalisation. */
    private final Set<String> behindL2Norms;

    private Initialiser(
            long seed,
            Initialisation initialisation,
            Map<String, Long> fanIns,
            Set<String> behindL2Norms) {
        this.seed = seed;
        this.initialisation = initialisation;
        this.fanIns = fanIns;
        this.behindL2Norms = behindL2Norms;
    }

    /**
     * {@return an initialiser of DenseNets for this seed}
     *
     * @param seed the same one draws the same values
     */
    public static Initialiser seeded(long seed) {
        return new Initialiser(seed, Initialisation.DENSENET, Map.of(), Set.of());
    }

    /**
     * {@return an initialiser of a network for this seed, from the distributions that it asks for}
     *
     * @param graph which says from which distributions
     * @param seed the same one draws the same values
     */
    public static Initialiser of(Graph graph, long seed) {
        Objects.requireNonNull(graph, "graph");
        Map<String, Long> fanIns = new HashMap<>();
        for (ParameterSpec p : graph.parameters()) {
            if (p.role().isWeight()) {
                String tensors = p.name().substring(0, p.name().length() - WEIGHT.length());
                fanIns.put(tensors + BIAS, p.fanIn());
            }
        }
        Set<String> behindL2Norms = new HashSet<>();
        for (Node node : graph.nodes()) {
            if (node instanceof ConvolutionLayer layer
                    && layer.source() instanceof Read.L2Normalised) {
                behindL2Norms.add(layer.convolution() + WEIGHT);
            }
        }
        return new Initialiser(seed, graph.initialisation(), fanIns, behindL2Norms);
    }

    /**
     * Fills {@code out} with the initial values of a parameter.
     *
     * @param parameter whose name, shape and role decide
     * @param out receives the values in the PyTorch layout
     * @throws IllegalArgumentException when it has room for more or fewer values, or when the
     *     parameter is a bias that is drawn for a weight that the network does not have
     */
    public void fill(ParameterSpec parameter, float[] out) {
        Objects.requireNonNull(parameter, "parameter");
        Objects.requireNonNull(out, "out");
        if (out.length != parameter.count()) {
            throw new IllegalArgumentException(
                    "out: room for "
                            + out.length
                            + " values, "
                            + parameter.name()
                            + " has "
                            + parameter.count());
        }
        switch (parameter.role()) {
            case CONV_WEIGHT, LINEAR_WEIGHT -> weight(parameter, out);
            case CONV_BIAS, LINEAR_BIAS -> bias(parameter, out);
            case BN_WEIGHT, LN_WEIGHT -> Arrays.fill(out, 1f);
            case BN_BIAS, LN_BIAS -> Arrays.fill(out, 0f);
            case LAYER_SCALE -> Arrays.fill(out, LAYER_SCALE);
            case L2_SCALE -> Arrays.fill(out, L2_SCALE);
            case RUNNING_STATISTIC ->
                    Arrays.fill(out, parameter.name().endsWith("running_var") ? 1f : 0f);
        }
    }

    private void weight(ParameterSpec p, float[] out) {
        if (initialisation == Initialisation.HE_UNIFORM) {
            uniform(p, Math.sqrt(6.0 / p.fanIn()), out);
        } else if (p.role() == ParameterSpec.Role.LINEAR_WEIGHT) {
            uniform(p, 1 / Math.sqrt(p.fanIn()), out);
        } else if (initialisation == Initialisation.DSOD) {
            if (behindL2Norms.contains(p.name())) {
                normal(p, HEAD_DEVIATION, out);
            } else {
                uniform(p, Math.sqrt(3.0 / p.fanIn()), out);
            }
        } else {
            boolean fanOut =
                    initialisation == Initialisation.RESNET
                            || initialisation == Initialisation.FAN_OUT;
            normal(p, Math.sqrt(2.0 / (fanOut ? p.fanOut() : p.fanIn())), out);
        }
    }

    private void bias(ParameterSpec p, float[] out) {
        boolean drawn =
                initialisation == Initialisation.RESNET
                        || initialisation == Initialisation.RDNET
                                && p.role() == ParameterSpec.Role.CONV_BIAS;
        if (!drawn) {
            Arrays.fill(out, 0f);
            return;
        }
        Long fanIn = fanIns.get(p.name());
        if (fanIn == null) {
            throw new IllegalArgumentException(
                    "the bias '" + p.name() + "' is none of this network's");
        }
        uniform(p, 1 / Math.sqrt(fanIn), out);
    }

    /** Box and Muller's transform of two uniform numbers from 64 bits each. */
    private void normal(ParameterSpec parameter, double deviation, float[] out) {
        int[] words = new int[4];
        for (int i = 0; i < out.length; i += 2) {
            draw(parameter, i / 2, words);
            double radius = StrictMath.sqrt(-2 * StrictMath.log(unit(words[0], words[1])));
            double angle = 2 * Math.PI * unit(words[2], words[3]);
            out[i] = (float) (deviation * radius * StrictMath.cos(angle));
            if (i + 1 < out.length) {
                out[i + 1] = (float) (deviation * radius * StrictMath.sin(angle));
            }
        }
    }

    private void uniform(ParameterSpec parameter, double bound, float[] out) {
        int[] words = new int[4];
        for (int i = 0; i < out.length; i++) {
            draw(parameter, i, words);
            out[i] = (float) (bound * (2 * unit(words[0], words[1]) - 1));
        }
    }

    private void draw(ParameterSpec parameter, int position, int[] words) {
        // String.hashCode is specified by the language, so names hash alike everywhere.
        Philox.next(
                position,
                parameter.name().hashCode(),
                0,
                0,
                (int) seed,
                (int) (seed >>> 32),
                words);
    }

    /** A number in (0, 1] from 53 of 64 bits. */
    private static double unit(int high, int low) {
        long bits = ((long) high << 32 | (low & 0xFFFF_FFFFL)) >>> 11;
        return (bits + 1) * 0x1p-53;
    }
}
