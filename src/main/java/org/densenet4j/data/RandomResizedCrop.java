package org.densenet4j.data;

import java.util.random.RandomGenerator;

/**
 * Cuts out a box of random area and aspect ratio, which is then resized to the network's input
 * (Szegedy et al. 2015, section 6; torchvision's {@code RandomResizedCrop}).
 *
 * @param leastArea smallest share of the image's area
 * @param mostArea largest share
 * @param mostAspect largest ratio of width to height, and the inverse of the smallest
 */
public record RandomResizedCrop(double leastArea, double mostArea, double mostAspect) {
    /** 8 % to 100 % of the area, 3:4 to 4:3. */
    public static final RandomResizedCrop IMAGENET = new RandomResizedCrop(0.08, 1, 4.0 / 3);

    private static final int TRIES = 10;

    /** Checks the ranges. */
    public RandomResizedCrop {
        if (!(leastArea > 0 && leastArea <= mostArea && mostArea <= 1)) {
            throw new IllegalArgumentException(
                    "crop area from "
                            + leastArea
                            + " to "
                            + mostArea
                            + ": use shares above 0 and up to 1, the smaller one first");
        }
        if (!(mostAspect >= 1 && mostAspect <= 100)) {
            throw new IllegalArgumentException(
                    "crop aspect = " + mostAspect + ": use a ratio from 1 to 100");
        }
    }

    Image apply(
            Image image,
            int height,
            int width,
            Interpolation interpolation,
            RandomGenerator random) {
        double area = (double) image.height() * image.width();
        double mostLog = Math.log(mostAspect);
        for (int i = 0; i < TRIES; i++) {
            double wanted = area * (leastArea + (mostArea - leastArea) * random.nextDouble());
            double aspect = Math.exp(mostLog * (2 * random.nextDouble() - 1));
            int w = (int) Math.round(Math.sqrt(wanted * aspect));
            int h = (int) Math.round(Math.sqrt(wanted / aspect));
            if (w > 0 && h > 0 && w <= image.width() && h <= image.height()) {
                int top = random.nextInt(image.height() - h + 1);
                int left = random.nextInt(image.width() - w + 1);
                return new Resampler(image, top, left, h, w, interpolation).to(height, width);
            }
        }
        return middle(image, interpolation).to(height, width);
    }

    /** The largest box in the middle whose aspect ratio is allowed. */
    private Resampler middle(Image image, Interpolation interpolation) {
        double aspect = (double) image.width() / image.height();
        int w = image.width();
        int h = image.height();
        if (aspect > mostAspect) {
            w = Math.max(1, (int) Math.round(h * mostAspect));
        } else if (aspect < 1 / mostAspect) {
            h = Math.max(1, (int) Math.round(w * mostAspect));
        }
        return new Resampler(
                image, (image.height() - h) / 2, (image.width() - w) / 2, h, w, interpolation);
    }
}
