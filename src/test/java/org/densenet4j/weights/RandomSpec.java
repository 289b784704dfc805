package org.densenet4j.weights;

import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;

import java.util.SplittableRandom;

/** Small networks of every kind with awkward sizes. */
public final class RandomSpec {
    private RandomSpec() {}

    /** Draws one: with and without bottleneck, compression and ImageNet stem. */
    public static DenseNetSpec draw(SplittableRandom random) {
        boolean imageNet = random.nextInt(3) == 0;
        int blocks = random.nextInt(1, 4);
        int[] layers = random.ints(blocks, 1, 4).toArray();
        int least = imageNet ? 20 : 5;
        return DenseNetSpec.builder()
                .growthRate(random.nextInt(3, 14))
                .layersPerBlock(layers)
                .initialChannels(random.nextInt(3, 20))
                .bottleneckWidth(random.nextInt(3) == 0 ? 0 : random.nextInt(1, 5))
                .compression(random.nextBoolean() ? 1 : 0.5)
                .stem(imageNet ? Stem.IMAGENET : Stem.SMALL)
                .classes(random.nextInt(2, 12))
                .inputSize(random.nextInt(least, least + 16), random.nextInt(least, least + 16))
                .inputChannels(random.nextInt(4) == 0 ? 1 : 3)
                .build();
    }
}
