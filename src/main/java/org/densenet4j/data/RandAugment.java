package org.densenet4j.data;

import java.util.random.RandomGenerator;

/**
 * Some changes one after the other, drawn from fourteen, all of the same strength (Cubuk et al.
 * 2020, arXiv 1909.13719): torchvision's {@code RandAugment}, with its operations, magnitudes and
 * 31 levels, the nearest pixel where images are turned, and black outside of them.
 *
 * @param operations changes of an image
 * @param level strength, 0 to 30
 */
public record RandAugment(int operations, int level) {
    /** Two changes of level 9, torchvision's default. */
    public static final RandAugment DEFAULT = new RandAugment(2, 9);

    private static final int LEVELS = 31;
    private static final AugmentOperation[] ALL = AugmentOperation.values();

    /** Checks the numbers. */
    public RandAugment {
        if (operations < 1 || operations > 100) {
            throw new IllegalArgumentException(
                    "RandAugment of " + operations + " operations: use 1 to 100, such as 2");
        }
        if (level < 0 || level >= LEVELS) {
            throw new IllegalArgumentException(
                    "RandAugment of level " + level + ": use 0 to " + (LEVELS - 1));
        }
    }

    Image apply(Image image, RandomGenerator random) {
        Image changed = image;
        for (int i = 0; i < operations; i++) {
            AugmentOperation operation = ALL[random.nextInt(ALL.length)];
            double magnitude = operation.magnitude(level, LEVELS, changed);
            boolean negative = operation.isSigned() && random.nextBoolean();
            changed = operation.apply(changed, negative ? -magnitude : magnitude);
        }
        return changed;
    }
}
