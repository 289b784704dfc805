package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.function.IntFunction;

/**
 * A data set in two parts, with the same share of every class held out. Who is held out follows
 * from the names of the images and a seed: it is the same every time, in every order of the images,
 * and images that are added later move next to none of the others to the other part.
 *
 * @param train the images to train on, in the order of the whole set
 * @param heldOut the others, in that order, too
 */
public record StratifiedSplit(DatasetSubset train, DatasetSubset heldOut) {
    /** Both are needed. */
    public StratifiedSplit {
        Objects.requireNonNull(train, "train");
        Objects.requireNonNull(heldOut, "heldOut");
    }

    /**
     * Splits a data set whose images always have the same places.
     *
     * @param data of any classes
     * @param share of every class that is held out, between 0 and 1
     * @param seed another one holds out others
     * @return both parts
     * @throws IllegalArgumentException when the share is out of range, or no class has two images
     */
    public static StratifiedSplit of(Dataset data, double share, long seed) {
        return of(data, String::valueOf, share, seed);
    }

    /**
     * Splits a data set by the names of its images. Of a class of n images, n·share are held out,
     * rounded to the nearest number, one at least, and never all; a class of one image is trained
     * on.
     *
     * @param data of any classes
     * @param name of the image with an index, which no other one of its class has
     * @param share of every class that is held out, between 0 and 1
     * @param seed another one holds out others
     * @return both parts
     * @throws IllegalArgumentException when the share is out of range, or no class has two images
     */
    public static StratifiedSplit of(
            Dataset data, IntFunction<String> name, double share, long seed) {
        Objects.requireNonNull(data, "data");
        Objects.requireNonNull(name, "name");
        if (!(share > 0 && share < 1)) {
            throw new IllegalArgumentException(
                    "held-out share = " + share + ": use a number between 0 and 1, such as 0.1");
        }
        boolean[] held = new boolean[data.size()];
        for (List<Drawn> ofClass : drawn(data, name, seed)) {
            if (ofClass != null && ofClass.size() > 1) {
                long wanted = Math.round(ofClass.size() * share);
                int count = (int) Math.clamp(wanted, 1, ofClass.size() - 1L);
                ofClass.stream().sorted().limit(count).forEach(image -> held[image.index] = true);
            }
        }
        DatasetSubset heldOut = DatasetSubset.of(data, places(held, true));
        if (heldOut.size() == 0) {
            throw new IllegalArgumentException(
                    "no image can be held out: no class has two; add images");
        }
        return new StratifiedSplit(DatasetSubset.of(data, places(held, false)), heldOut);
    }

    /** An image and what decides when it is held out. */
    private record Drawn(byte[] order, int index) implements Comparable<Drawn> {
        @Override
        public int compareTo(Drawn other) {
            return Comparator.comparing(Drawn::order, Arrays::compareUnsigned)
                    .thenComparingInt(Drawn::index)
                    .compare(this, other);
        }
    }

    /** The images of each class; null for classes without. */
    private static List<@Nullable List<Drawn>> drawn(
            Dataset data, IntFunction<String> name, long seed) {
        List<@Nullable List<Drawn>> classes = new ArrayList<>();
        MessageDigest digest = sha256();
        for (int i = 0; i < data.size(); i++) {
            int label = data.label(i);
            while (classes.size() <= label) {
                classes.add(null);
            }
            List<Drawn> images = classes.get(label);
            if (images == null) {
                images = new ArrayList<>();
                classes.set(label, images);
            }
            String text = seed + ":" + name.apply(i);
            images.add(new Drawn(digest.digest(text.getBytes(StandardCharsets.UTF_8)), i));
        }
        return classes;
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    private static int[] places(boolean[] held, boolean wanted) {
        int[] places = new int[held.length];
        int count = 0;
        for (int i = 0; i < held.length; i++) {
            if (held[i] == wanted) {
                places[count++] = i;
            }
        }
        return Arrays.copyOf(places, count);
    }
}
