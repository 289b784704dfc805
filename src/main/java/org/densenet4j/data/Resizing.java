package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * How images of any size become the network's input in evaluation. Weights record it where it is
 * not the usual way.
 *
 * @param interpolation how they are resized
 * @param cropShare the input's size divided by the size before the centre crop
 */
public record Resizing(Interpolation interpolation, double cropShare) {
    /** Bilinear, and of 256 pixels the middle 224: torchvision's first models. */
    public static final Resizing DEFAULT = new Resizing(Interpolation.BILINEAR, CentreCrop.SHARE);

    private static final String INTERPOLATION = "resizing.interpolation";
    private static final String CROP_SHARE = "resizing.crop-share";

    /** What exports of X-ray networks recorded before: a share alone. */
    private static final String EARLIER_CROP_SHARE = "images.crop-share";

    /** Checks the share. */
    public Resizing {
        Objects.requireNonNull(interpolation, "interpolation");
        if (!(cropShare > 0.1 && cropShare <= 1)) {
            throw new IllegalArgumentException(
                    "crop share = " + cropShare + ": use a number above 0.1 and up to 1");
        }
    }

    /** {@return this as it is recorded: empty where it is the usual way} */
    Optional<Resizing> ifUnusual() {
        return equals(DEFAULT) ? Optional.empty() : Optional.of(this);
    }

    /** {@return entries of a file's metadata, which {@link #read} understands} */
    Map<String, String> entries() {
        Map<String, String> entries = new LinkedHashMap<>();
        entries.put(INTERPOLATION, interpolation.name().toLowerCase(Locale.ROOT));
        entries.put(CROP_SHARE, String.valueOf(cropShare));
        return entries;
    }

    /**
     * What a file records; empty where that is nothing.
     *
     * @throws IllegalArgumentException when it is broken
     */
    static Optional<Resizing> read(Map<String, String> metadata) {
        @Nullable String name = metadata.get(INTERPOLATION);
        @Nullable String share = metadata.get(CROP_SHARE);
        if (name == null || share == null) {
            return Optional.ofNullable(metadata.get(EARLIER_CROP_SHARE))
                    .map(s -> new Resizing(Interpolation.BILINEAR, Double.parseDouble(s)));
        }
        return Optional.of(
                new Resizing(
                        Interpolation.valueOf(name.toUpperCase(Locale.ROOT)),
                        Double.parseDouble(share)));
    }
}
