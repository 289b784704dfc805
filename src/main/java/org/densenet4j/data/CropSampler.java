package org.densenet4j.data;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * SSD's random part of an image (Liu et al. 2016, arXiv 1512.02325, section 2.2, and the authors'
 * code): one of up to seven, the whole image, one that overlaps an object by at least 0.1, 0.3,
 * 0.5, 0.7 or 0.9, and any. Each but the first is looked for 50 times, with 0.3 to 1 of the image's
 * sides and aspect ratios from ½ to 2; one of those that were found is taken.
 */
final class CropSampler {
    private static final double[] OVERLAPS = {0.1, 0.3, 0.5, 0.7, 0.9, 0};
    private static final int TRIES = 50;
    private static final double LEAST_SCALE = 0.3;
    private static final double MOST_ASPECT = 2;

    private CropSampler() {}

    /** A window of whole pixels. */
    record Window(int left, int top, int width, int height) {
        Box box() {
            return new Box(left, top, left + width, top + height);
        }
    }

    /** Draws a window of an image. */
    static Window draw(int width, int height, List<LabelledBox> objects, RandomGenerator random) {
        List<Window> found = new ArrayList<>();
        found.add(new Window(0, 0, width, height));
        for (double overlap : OVERLAPS) {
            for (int i = 0; i < TRIES; i++) {
                Window window = any(width, height, random);
                Box box = window.box();
                if (overlap == 0 || objects.stream().anyMatch(o -> o.box().iou(box) >= overlap)) {
                    found.add(window);
                    break;
                }
            }
        }
        return found.get(random.nextInt(found.size()));
    }

    private static Window any(int width, int height, RandomGenerator random) {
        double scale = LEAST_SCALE + (1 - LEAST_SCALE) * random.nextDouble();
        double least = Math.max(1 / MOST_ASPECT, scale * scale);
        double most = Math.min(MOST_ASPECT, 1 / (scale * scale));
        double aspect = Math.sqrt(least + (most - least) * random.nextDouble());
        int w = Math.clamp(Math.round(width * scale * aspect), 1, width);
        int h = Math.clamp(Math.round(height * scale / aspect), 1, height);
        return new Window(random.nextInt(width - w + 1), random.nextInt(height - h + 1), w, h);
    }

    /** The objects whose centre lies in a window, as they are seen in it. */
    static List<LabelledBox> within(Window window, List<LabelledBox> objects) {
        List<LabelledBox> seen = new ArrayList<>();
        for (LabelledBox object : objects) {
            Box box = object.box().moved(-window.left, -window.top);
            boolean inside =
                    box.centreX() >= 0
                            && box.centreX() <= window.width
                            && box.centreY() >= 0
                            && box.centreY() <= window.height;
            Box clipped = box.clipped(window.width, window.height);
            if (inside && clipped.area() > 0) {
                seen.add(object.withBox(clipped));
            }
        }
        return seen;
    }
}
