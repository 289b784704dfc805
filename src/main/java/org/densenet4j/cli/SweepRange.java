package org.densenet4j.cli;

import org.densenet4j.profile.Sweep;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

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

    /** What an ImageNet stem and its transitions shrink an image by. */
    private static final int IMAGENET_STRIDE = 32;

    /** A point, and what it is the value of. */
    record Place(BenchPoint point, int value) {}

    /** A range up to, or around, this model and batch. */
    static SweepRange of(Sweep.Variable variable, String name, DenseNetSpec spec, int batch) {
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
        String[] parts = name.split("-", -1);
        if (parts.length != 3) {
            throw new IllegalArgumentException(
                    "--sweep depth needs a model with a depth in its name, such as bc-100-12, not "
                            + name);
        }
        int unit = parts[0].startsWith("b") ? 6 : 3;
        int layers = (Integer.parseInt(parts[1]) - 4) / unit;
        TreeSet<Integer> depths = new TreeSet<>();
        for (int i = 1; i <= POINTS; i++) {
            depths.add(4 + unit * Math.max(1, Math.round((float) layers * i / POINTS)));
        }
        return depths(parts[0], parts[2], List.copyOf(depths), Math.max(1, batch / DEPTH_PART));
    }

    /** These depths of a kind of network. */
    static SweepRange depths(String kind, String growth, List<Integer> depths, int batch) {
        return new SweepRange(
                Sweep.Variable.DEPTH,
                kind + "-L-" + growth + " at batch " + batch,
                depths.stream()
                        .map(
                                depth ->
                                        new Place(
                                                new BenchPoint(
                                                        kind + "-" + depth + "-" + growth, batch),
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

    /** Up to four times the model's images where they are small, else up to them. */
    static SweepRange size(String name, DenseNetSpec spec, int batch) {
        int side = spec.inputHeight();
        TreeSet<Integer> sizes = new TreeSet<>();
        for (int i = 0; i < POINTS; i++) {
            sizes.add(
                    spec.stem() == Stem.SMALL
                            ? side * HALVES[i] / 2
                            : Math.max(1, Math.round((i + 1f) * side / POINTS / IMAGENET_STRIDE))
                                    * IMAGENET_STRIDE);
        }
        return new SweepRange(
                Sweep.Variable.SIZE,
                name + " at batch " + batch,
                sizes.stream().map(s -> new Place(new BenchPoint(name, batch, s), s)).toList());
    }
}
