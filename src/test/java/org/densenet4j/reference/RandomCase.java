package org.densenet4j.reference;

import org.densenet4j.engine.Network;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.PixelHead;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Initialiser;
import org.densenet4j.spec.Stem;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/** A small random network with random parameters and a random batch. */
public final class RandomCase {
    /** More deviations than a few hundred values ever have. */
    private static final float ABOVE_KINK = 8;

    private static final long REDRAW = 1_000_003;

    public final NetworkSpec spec;
    public final int images;
    public final float[] pixels;
    public final int[] labels;

    /** Labels that are no void. */
    public final int counted;

    private final long seed;

    private final boolean kinks;

    private RandomCase(NetworkSpec spec, int images, long seed, boolean kinks) {
        this.kinks = kinks;
        this.spec = spec;
        this.images = images;
        this.seed = seed;
        SplittableRandom random = new SplittableRandom(seed);
        pixels = new float[images * spec.inputHeight() * spec.inputWidth() * spec.inputChannels()];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) (random.nextGaussian() + 0.3);
        }
        Node head = spec.graph().heads().getLast();
        switch (head) {
            case PixelHead c -> {
                int pixels = images * c.source().height() * c.source().width();
                labels = random.ints(pixels, -1, c.classes()).toArray();
            }
            case Classifier c -> labels = random.ints(images, 0, c.classes()).toArray();
            default -> throw new IllegalStateException(head.name());
        }
        counted = (int) Arrays.stream(labels).filter(label -> label >= 0).count();
    }

    public static RandomCase of(NetworkSpec spec, int images, long seed) {
        return new RandomCase(spec, images, seed, true);
    }

    /**
     * The same with biases so large that every ReLU lets everything through: rounding then moves
     * gradients a little, and never puts a ReLU on the other side.
     */
    public RandomCase withoutKinks() {
        return new RandomCase(spec, images, seed, false);
    }

    /** The same network with other parameters and images. */
    public RandomCase redrawn() {
        return new RandomCase(spec, images, seed + REDRAW, kinks);
    }

    /** What parameters and images are drawn by. */
    public long seed() {
        return seed;
    }

    /** Whether a ReLU's input may be close to zero. */
    public boolean kinks() {
        return kinks;
    }

    /** Odd sizes, growth rates that are no multiple of anything, all kinds of DenseNet. */
    public static RandomCase random(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        boolean imageNet = random.nextInt(3) == 0;
        int blocks = random.nextInt(1, 4);
        int[] layers = random.ints(blocks, 1, 4).toArray();
        int least = (imageNet ? 8 : 2) << (blocks - 1);
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .stem(imageNet ? Stem.IMAGENET : Stem.SMALL)
                        .growthRate(random.nextInt(1, 9))
                        .layersPerBlock(layers)
                        .initialChannels(random.nextInt(2, 21))
                        .bottleneckWidth(random.nextInt(3) == 0 ? 0 : random.nextInt(1, 5))
                        .compression(random.nextBoolean() ? 1 : 0.3 + 0.6 * random.nextDouble())
                        .classes(random.nextInt(2, 7))
                        .inputSize(least + random.nextInt(7), least + random.nextInt(7))
                        .inputChannels(random.nextInt(1, 4))
                        .build();
        return new RandomCase(spec, random.nextInt(1, 6), seed, true);
    }

    /**
     * The reference with this case's parameters; gamma, beta and running values are random, too.
     */
    public ReferenceNetwork reference() {
        ReferenceNetwork reference = new ReferenceNetwork(spec);
        for (ParameterSpec p : spec.graph().parameters()) {
            copy(values(p), reference.parameter(p.name()));
        }
        for (ParameterSpec p : spec.graph().runningStatistics()) {
            copy(values(p), reference.runningStatistic(p.name()));
        }
        return reference;
    }

    /** Gives a network this case's parameters. */
    public void load(Network network) {
        for (ParameterSpec p : network.parameters()) {
            network.parameter(p.name(), values(p));
        }
        for (ParameterSpec p : network.runningStatistics()) {
            network.runningStatistic(p.name(), values(p));
        }
    }

    /** A parameter or running statistic. */
    public float[] values(String name) {
        return Stream.of(spec.graph().parameters(), spec.graph().runningStatistics())
                .flatMap(List::stream)
                .filter(p -> p.name().equals(name))
                .map(this::values)
                .findFirst()
                .orElseThrow();
    }

    public double[] pixelsAsDoubles() {
        double[] values = new double[pixels.length];
        copy(pixels, values);
        return values;
    }

    private float[] values(ParameterSpec p) {
        float[] values = new float[(int) p.count()];
        Initialiser.seeded(seed).fill(p, values);
        SplittableRandom random = new SplittableRandom(seed + p.name().hashCode());
        for (int i = 0; i < values.length; i++) {
            switch (p.role()) {
                case BN_WEIGHT, LN_WEIGHT, LAYER_SCALE, L2_SCALE ->
                        values[i] = (float) (0.5 + random.nextDouble());
                case BN_BIAS ->
                        values[i] = (float) (random.nextDouble() - 0.4) + (kinks ? 0 : ABOVE_KINK);
                case LN_BIAS, LINEAR_BIAS, CONV_BIAS ->
                        values[i] = (float) (random.nextDouble() - 0.4);
                case RUNNING_STATISTIC ->
                        values[i] =
                                p.name().endsWith("running_var")
                                        ? (float) (0.5 + random.nextDouble())
                                        : (float) (random.nextDouble() - 0.5);
                default -> {}
            }
        }
        return values;
    }

    private static void copy(float[] from, double[] to) {
        for (int i = 0; i < from.length; i++) {
            to[i] = from[i];
        }
    }

    @Override
    public String toString() {
        return spec + ", " + images + " images, seed " + seed;
    }
}
