package org.densenet4j.cli;

import org.densenet4j.graph.Features;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.profile.Sweep;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The points of a sweep.
 *
 * @param variable what grows
 * @param fixed what does not, in words
 * @param places ascending
 */
record SweepRange(Sweep.Variable variable, String fixed, List<Place> places) {
    private static final int POINTS = 5;

    /** Depths and sizes are swept with this part of a batch, so that the largest fit, too. */
    private static final int DEPTH_PART = 2;

    private static final int SIZE_PART = 8;

    /** Sides of images as multiples of half the preset's. */
    private static final int[] HALVES = {2, 3, 4, 6, 8};

    /** What networks for large images shrink them by; those for small ones do by less. */
    private static final int LARGE_STRIDE = 32;

    /** Names with a depth: up to it, the depth, and what is behind it for DenseNets. */
    private static final Pattern WITH_DEPTH =
            Pattern.compile("((?:plain|b|c|bc)-|cifar-resnet-)(\\d{1,7})(-\\d{1,7})?");

    /** A point, and what it is the value of. */
    record Place(BenchPoint point, int value) {}

    /**
     * A range up to, or around, this model and batch.
     *
     * @throws IllegalArgumentException when this model has no such range
     */
    static SweepRange of(Sweep.Variable variable, String name, NetworkSpec spec, int batch) {
        return switch (variable) {
            case DEPTH -> depth(name, batch);
            case BATCH -> batch(name, batch);
            case SIZE -> size(name, spec, Math.max(1, batch / SIZE_PART));
        };
    }

    /**
     * Depths up to the model's, as evenly spaced as its kind allows, at half the batch.
     *
     * @throws IllegalArgumentException when the model's name has no depth
     */
    static SweepRange depth(String name, int batch) {
        Matcher model = WITH_DEPTH.matcher(name.strip().toLowerCase(Locale.ROOT));
        if (!model.matches()) {
            throw new IllegalArgumentException(
                    "--sweep depth needs a model with a depth in its name, such as bc-100-12 or"
                            + " cifar-resnet-56, not "
                            + name);
        }
        String before = model.group(1);
        String growth = model.group(3);
        boolean residual = growth == null;
        int base = residual ? 2 : 4;
        int unit = residual || before.startsWith("b") ? 6 : 3;
        int layers = (Integer.parseInt(model.group(2)) - base) / unit;
        TreeSet<Integer> depths = new TreeSet<>();
        for (int i = 1; i <= POINTS; i++) {
            depths.add(base + unit * Math.max(1, Math.round((float) layers * i / POINTS)));
        }
        return depths(
                before,
                residual ? "" : growth,
                List.copyOf(depths),
                Math.max(1, batch / DEPTH_PART));
    }

    /**
     * These depths of a kind of network.
     *
     * @param before what its names have before the depth
     * @param behind what they have behind it
     */
    static SweepRange depths(String before, String behind, List<Integer> depths, int batch) {
        return new SweepRange(
                Sweep.Variable.DEPTH,
                before + "L" + behind + " at batch " + batch,
                depths.stream()
                        .map(
                                depth ->
                                        new Place(
                                                new BenchPoint(before + depth + behind, batch),
                                                depth))
                        .toList());
    }

    /** Powers of two below the batch, and the batch. */
    static SweepRange batch(String name, int batch) {
        List<Place> places = new ArrayList<>();
        for (int i = POINTS - 1; i >= 0; i--) {
            if (batch >> i > 0) {
                places.add(new Place(new BenchPoint(name, batch >> i), batch >> i));
            }
        }
        return new SweepRange(Sweep.Variable.BATCH, name, List.copyOf(places));
    }

    /**
     * Up to four times the model's images where it shrinks them little, else up to them.
     *
     * @throws IllegalArgumentException when the model's images are no squares
     */
    static SweepRange size(String name, NetworkSpec spec, int batch) {
        ImageSize images = ImageSize.of(spec);
        if (!images.isSquare()) {
            throw new IllegalArgumentException(
                    "--sweep size is over the side of square images, not "
                            + images
                            + "; give --input-size one number");
        }
        int side = images.height();
        int stride = stride(spec);
        TreeSet<Integer> sizes = new TreeSet<>();
        for (int i = 0; i < POINTS; i++) {
            sizes.add(
                    stride < LARGE_STRIDE
                            ? side * HALVES[i] / 2
                            : Math.max(1, Math.round((i + 1f) * side / POINTS / stride)) * stride);
        }
        return new SweepRange(
                Sweep.Variable.SIZE,
                name + " at batch " + batch,
                sizes.stream()
                        .map(s -> new Place(new BenchPoint(name, batch, new ImageSize(s, s)), s))
                        .toList());
    }

    /** What the network's smallest features are smaller by than the images, as a power of two. */
    private static int stride(NetworkSpec spec) {
        int least =
                spec.graph().features().stream()
                        .mapToInt(Features::height)
                        .reduce(spec.inputHeight(), Math::min);
        return Integer.highestOneBit(spec.inputHeight() / least);
    }
}
