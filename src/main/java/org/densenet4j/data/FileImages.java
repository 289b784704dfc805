package org.densenet4j.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * Image files as a data set reads them: decoded when they are asked for, by whichever thread asks,
 * and never kept.
 */
final class FileImages {
    private final List<Path> files;
    private final CentreCrop crop;
    private final DecodeOptions decoding;

    FileImages(List<Path> files, CentreCrop crop, DecodeOptions decoding) {
        this.files = List.copyOf(files);
        this.crop = crop;
        this.decoding = decoding;
    }

    int size() {
        return files.size();
    }

    Path file(int index) {
        return files.get(Index.checked("index", index, files.size()));
    }

    CentreCrop crop() {
        return crop;
    }

    DecodeOptions decoding() {
        return decoding;
    }

    /** The image as evaluation sees it: resized, and cut out of the middle. */
    void read(int index, byte[] pixels) {
        Objects.requireNonNull(pixels, "pixels");
        byte[] cut = use(index, image -> crop.apply(image).pixels());
        System.arraycopy(cut, 0, pixels, 0, cut.length);
    }

    /** The image at its own size. */
    <T> T image(int index, Function<Image, T> use) {
        Objects.requireNonNull(use, "use");
        return use(index, image -> use.apply(image.inChannels(crop.channels())));
    }

    private <T> T use(int index, Function<Image, T> use) {
        Path file = file(index);
        try {
            return ImageFile.read(file, decoding, use);
        } catch (IOException e) {
            throw FolderGoneException.unchecked(file, e);
        }
    }
}
