package org.densenet4j.cli;

import org.densenet4j.data.Image;
import org.densenet4j.data.ImageFile;
import org.densenet4j.inference.ImagePreparation;
import org.densenet4j.inference.Predictor;
import org.densenet4j.io.OneLine;

import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Images named on the command line: files, and folders with all images below them. */
final class ImagesOption {
    @Parameters(
            paramLabel = "IMAGE",
            arity = "1..*",
            description = "JPEG or PNG files, or folders with such files below them")
    private List<Path> paths;

    @Option(
            names = "--batch",
            paramLabel = "N",
            defaultValue = "32",
            description = "most images of one pass (default: ${DEFAULT-VALUE})")
    private int batch;

    private List<Path> found;

    /** For picocli. */
    ImagesOption() {}

    /**
     * Some images, decoded and prepared.
     *
     * @param files their files
     * @param originals as decoded
     * @param prepared normalised pixels, NHWC
     */
    record Prepared(List<Path> files, List<Image> originals, float[] prepared) {
        int count() {
            return files.size();
        }
    }

    /** Receives images in the order of their files. */
    interface Use {
        void accept(Prepared images) throws IOException;
    }

    int batch() {
        return batch;
    }

    /**
     * All image files, looked for once.
     *
     * @throws IOException when there is none, or one that was named does not exist
     */
    List<Path> files() throws IOException {
        if (found == null) {
            found = find();
        }
        return found;
    }

    private List<Path> find() throws IOException {
        List<Path> files = new ArrayList<>();
        for (Path path : paths) {
            if (Files.isDirectory(path)) {
                try (Stream<Path> below = Files.walk(path)) {
                    below.filter(f -> Files.isRegularFile(f) && ImageFile.isImage(f))
                            .sorted()
                            .forEach(files::add);
                }
            } else if (Files.exists(path)) {
                files.add(path);
            } else {
                throw new IOException(path + ": no such file or folder");
            }
        }
        if (files.isEmpty()) {
            throw new IOException("no JPEG or PNG files in " + paths);
        }
        return files;
    }

    /**
     * Decodes and prepares all images, a batch at a time. One that cannot be read is named on the
     * error stream and left out.
     *
     * @return how many were left out
     */
    int forEachBatch(Predictor predictor, Use use) throws IOException {
        ImagePreparation preparation = predictor.preparation();
        List<Path> files = files();
        int broken = 0;
        for (int first = 0; first < files.size(); first += batch) {
            List<Path> some = files.subList(first, Math.min(files.size(), first + batch));
            List<Image> images = some.parallelStream().map(ImagesOption::read).toList();
            List<Path> readable = new ArrayList<>();
            List<Image> originals = new ArrayList<>();
            for (int i = 0; i < some.size(); i++) {
                if (images.get(i) != BROKEN) {
                    readable.add(some.get(i));
                    originals.add(images.get(i));
                }
            }
            broken += some.size() - readable.size();
            if (!readable.isEmpty()) {
                float[] prepared = new float[readable.size() * preparation.length()];
                for (int i = 0; i < originals.size(); i++) {
                    preparation.prepare(originals.get(i), prepared, i * preparation.length());
                }
                use.accept(new Prepared(readable, originals, prepared));
            }
        }
        return broken;
    }

    private static final Image BROKEN = new Image(1, 1, 1, new byte[1]);

    private static Image read(Path file) {
        try {
            return ImageFile.read(file);
        } catch (IOException e) {
            System.err.println("error: " + OneLine.of(e.getMessage()));
            return BROKEN;
        }
    }
}
