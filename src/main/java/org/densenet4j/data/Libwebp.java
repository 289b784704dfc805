package org.densenet4j.data;

import com.luciad.imageio.webp.WebPImageReaderSpi;
import com.luciad.imageio.webp.WebPWrapper;

import org.densenet4j.library.OptionalLibrary;
import org.jspecify.annotations.Nullable;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import javax.imageio.ImageReader;

/**
 * Google's decoder of WebP, which Pillow and browsers use too. It is unpacked into Java's folder of
 * temporary files when the first WebP image is read.
 */
final class Libwebp {
    private static final Path FOLDER = Path.of(System.getProperty("java.io.tmpdir"));

    /** Why it cannot be used; null where it can. */
    private static final @Nullable String FAULT = fault();

    private Libwebp() {}

    private static @Nullable String fault() {
        if (!OptionalLibrary.read("com.luciad.imageio.webp.WebPWrapper")) {
            return "it needs com.github.usefulness:webp-imageio; add that to your project's"
                    + " dependencies";
        }
        try {
            if (!mayHoldPrograms()) {
                return FOLDER
                        + " may not hold programs; name a folder that may by -Djava.io.tmpdir=";
            }
        } catch (IOException e) {
            return FOLDER + " cannot be written; name a folder that can by -Djava.io.tmpdir=";
        }
        try {
            WebPWrapper.INSTANCE.getInfo(new byte[1], 0, 1);
        } catch (LinkageError e) {
            return "there is no libwebp for "
                    + System.getProperty("os.name")
                    + " on "
                    + System.getProperty("os.arch");
        } catch (Exception e) {
            return null; // it answers: that byte is no image
        }
        return null;
    }

    /** The library itself only writes a stack trace where it cannot be loaded. */
    private static boolean mayHoldPrograms() throws IOException {
        File probe = Files.createTempFile(FOLDER, "densenet4j", "").toFile();
        try {
            return probe.setExecutable(true) && probe.canExecute();
        } finally {
            Files.deleteIfExists(probe.toPath());
        }
    }

    /**
     * A reader of WebP images, whatever others Image I/O knows.
     *
     * @throws DataException in one line when libwebp cannot be loaded
     */
    static ImageReader reader(String name) throws DataException {
        if (FAULT != null) {
            throw new DataException(name + ": WebP is not decoded on this machine: " + FAULT);
        }
        return new WebPImageReaderSpi().createReaderInstance(null);
    }
}
