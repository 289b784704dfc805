package org.densenet4j.data;

import org.densenet4j.random.PhiloxRandom;

import java.util.List;
import java.util.random.RandomGenerator;

/**
 * A random order of images in archives that reads each archive onwards: archives in random order,
 * whose images go through a buffer, out of which one is drawn at a time, as WebDataset shuffles.
 * What is in the buffer are numbers, not images.
 */
final class ShardedOrder {
    /** Ten times WebDataset's usual one, as it costs nothing. */
    private static final int BUFFER = 10_000;

    private ShardedOrder() {}

    /**
     * {@return all images in order}
     *
     * @param starts the first image of each archive
     * @param purpose of the draws, which are a function of the seed, it and the epoch
     */
    static int[] of(int images, List<Integer> starts, long seed, int purpose, int epoch) {
        RandomGenerator random = new PhiloxRandom(seed, purpose, epoch, 0);
        int[] shards = new int[starts.size()];
        for (int s = 0; s < shards.length; s++) {
            shards[s] = s;
        }
        BalancedOrder.shuffle(shards, random);
        int[] buffer = new int[Math.min(BUFFER, images)];
        int[] order = new int[images];
        int filled = 0;
        int drawn = 0;
        for (int shard : shards) {
            int end = shard + 1 < shards.length ? starts.get(shard + 1) : images;
            for (int image = starts.get(shard); image < end; image++) {
                if (filled < buffer.length) {
                    buffer[filled++] = image;
                    continue;
                }
                int place = random.nextInt(filled);
                order[drawn++] = buffer[place];
                buffer[place] = image;
            }
        }
        while (filled > 0) {
            int place = random.nextInt(filled);
            order[drawn++] = buffer[place];
            buffer[place] = buffer[--filled];
        }
        return order;
    }
}
