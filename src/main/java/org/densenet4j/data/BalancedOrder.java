package org.densenet4j.data;

import org.densenet4j.random.PhiloxRandom;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * An order of an epoch in which all classes come equally often. As many images as the set has are
 * taken; classes take turns, in a new random order in every turn, so that counts of two classes
 * differ by one at most. Within a class images are shuffled, and none comes again before all have
 * come: images of small classes come several times, some of those of large ones not in this epoch.
 *
 * <p>This is what PyTorch's {@code WeightedRandomSampler} with weights of 1/n draws on average,
 * without its chance: that one draws every image independently.
 */
final class BalancedOrder {
    private final int[] images;
    private final RandomGenerator random;
    private int next;

    private BalancedOrder(int[] images, RandomGenerator random) {
        this.images = images;
        this.random = random;
        shuffle(images, random);
    }

    /**
     * {@return indices of images, as many as the set has}
     *
     * @param purpose of the draws, which are a function of the seed, it and the epoch
     */
    static int[] of(Dataset data, long seed, int purpose, int epoch) {
        List<List<Integer>> byClass = new ArrayList<>();
        for (int i = 0; i < data.size(); i++) {
            while (byClass.size() <= data.label(i)) {
                byClass.add(new ArrayList<>());
            }
            byClass.get(data.label(i)).add(i);
        }
        RandomGenerator random = new PhiloxRandom(seed, purpose, epoch, 0);
        BalancedOrder[] classes =
                byClass.stream()
                        .filter(images -> !images.isEmpty())
                        .map(
                                images ->
                                        new BalancedOrder(
                                                images.stream().mapToInt(i -> i).toArray(), random))
                        .toArray(BalancedOrder[]::new);
        int[] turn = new int[classes.length];
        for (int i = 0; i < turn.length; i++) {
            turn[i] = i;
        }
        int[] order = new int[data.size()];
        for (int i = 0; i < order.length; i++) {
            if (i % turn.length == 0) {
                shuffle(turn, random);
            }
            order[i] = classes[turn[i % turn.length]].take();
        }
        return order;
    }

    private int take() {
        if (next == images.length) {
            shuffle(images, random);
            next = 0;
        }
        return images[next++];
    }

    /** Fisher and Yates's shuffle. */
    static void shuffle(int[] values, RandomGenerator random) {
        for (int i = values.length - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            int swap = values[i];
            values[i] = values[j];
            values[j] = swap;
        }
    }
}
