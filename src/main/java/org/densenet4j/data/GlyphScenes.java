package org.densenet4j.data;

import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.Function;

/**
 * A generated set for detectors, "glyphs on clutter": one to four of ten {@linkplain Glyphs glyphs}
 * in each image, with the boxes around them, among lines, curves and spots of the same colours.
 *
 * <p>Only the shape tells an object and its class: size, place, turn, shear, stroke and colours are
 * random. An image depends on the seed, the side and its index alone, and is drawn when it is read.
 */
public final class GlyphScenes implements DetectionDataset {
    private final int first;
    private final int count;
    private final int side;
    private final long seed;

    private GlyphScenes(int first, int count, int side, long seed) {
        this.first = first;
        this.count = count;
        this.side = side;
        this.seed = seed;
    }

    /**
     * {@return images {@code first} to {@code first + count - 1} of an endless set}
     *
     * @param first number of the first image, from 0
     * @param count 1 or more
     * @param side rows and columns of pixels, 32 to 4096
     * @param seed the same one gives the same images
     */
    public static GlyphScenes of(int first, int count, int side, long seed) {
        Index.checkRange(first, count);
        if (side < 32 || side > 4096) {
            throw new IllegalArgumentException("side = " + side + ": use 32 to 4096 pixels");
        }
        return new GlyphScenes(first, count, side, seed);
    }

    @Override
    public int size() {
        return count;
    }

    @Override
    public int channels() {
        return 3;
    }

    @Override
    public List<String> classNames() {
        return Glyphs.classNames();
    }

    @Override
    public String name(int index) {
        return String.format(Locale.ROOT, "glyph scene %d", first + index);
    }

    @Override
    public <T> T read(int index, Function<AnnotatedImage, T> use) {
        Objects.requireNonNull(use, "use");
        Index.checked("index", index, count);
        long mixed = seed * 0x9E3779B97F4A7C15L + first + index;
        return use.apply(GlyphScene.draw(side, new SplittableRandom(mixed)));
    }
}
