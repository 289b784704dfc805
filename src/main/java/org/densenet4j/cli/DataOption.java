package org.densenet4j.cli;

import org.densenet4j.data.Cifar;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.ImageFile;
import org.densenet4j.data.ImageFolder;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.RelabelledDataset;
import org.densenet4j.train.Recipe;

import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;

/** Options that choose the data. */
final class DataOption {
    private static final Path GLYPHS = Path.of("runs", "glyphs");
    private static final int GLYPHS_TEST = 1_000;
    private static final String CIFAR10 = "cifar10:";
    private static final String CIFAR100 = "cifar100:";
    private static final String FOLDER = "folder:";

    /** What to do about an image that cannot be read. */
    enum OnBroken {
        SKIP,
        STOP
    }

    @Option(
            names = "--data",
            paramLabel = "SOURCE",
            defaultValue = "glyphs",
            description =
                    "glyphs (generated), cifar10:DIR or cifar100:DIR with the original binary"
                            + " files, or folder:DIR with train/CLASS/ and val/CLASS/ or test/CLASS/"
                            + " folders of JPEG or PNG files (default: ${DEFAULT-VALUE})")
    private String data;

    @Option(
            names = "--glyphs",
            paramLabel = "N",
            defaultValue = "6000",
            description = "generated training images (default: ${DEFAULT-VALUE})")
    private int glyphs;

    @Option(
            names = "--on-broken",
            paramLabel = "NAME",
            defaultValue = "STOP",
            description =
                    "SKIP images that cannot be read, naming them, or STOP (default:"
                            + " ${DEFAULT-VALUE})")
    private OnBroken onBroken;

    @Option(
            names = "--max-pixels",
            paramLabel = "N",
            defaultValue = "" + ImageFile.MOST_PIXELS,
            description = "refuse larger images (default: ${DEFAULT-VALUE})")
    private long maxPixels;

    @Option(
            names = "--loader-threads",
            paramLabel = "N",
            description =
                    "threads that read images (default: one per processor for folders, else 1)")
    private Integer loaderThreads;

    /** For picocli. */
    DataOption() {}

    /**
     * Images to train on and to test on.
     *
     * @param normalisation of all images
     * @param augment what suits them when no recipe says
     */
    record Source(
            Dataset train, Dataset test, Normalisation normalisation, Recipe.Augment augment) {

        /**
         * With labels that index the classes of a network.
         *
         * @throws IllegalArgumentException when the data has other classes, more or fewer
         */
        Source ofClasses(List<String> names) {
            Source matched =
                    new Source(
                            RelabelledDataset.of(train, names),
                            RelabelledDataset.of(test, names),
                            normalisation,
                            augment);
            List<String> missing =
                    names.stream().filter(name -> !train.classNames().contains(name)).toList();
            if (!missing.isEmpty()) {
                throw new IllegalArgumentException(
                        "the data has no images of " + String.join(", ", missing));
            }
            return matched;
        }
    }

    /**
     * Opens the data.
     *
     * @param height of the network's input, for images of any size
     * @param width of the network's input
     */
    Source open(int height, int width) throws IOException {
        if (data.equals("glyphs")) {
            Glyphs.generate(GLYPHS, glyphs, GLYPHS_TEST, 1);
            Cifar set = Cifar.cifar10(GLYPHS);
            return new Source(
                    set.train(), set.test(), Normalisation.of(set.train()), Recipe.Augment.SHIFT);
        }
        if (data.startsWith(CIFAR10)) {
            Cifar set = Cifar.cifar10(path(CIFAR10));
            return new Source(set.train(), set.test(), Normalisation.CIFAR10, Recipe.Augment.CIFAR);
        }
        if (data.startsWith(CIFAR100)) {
            Cifar set = Cifar.cifar100(path(CIFAR100));
            return new Source(
                    set.train(), set.test(), Normalisation.CIFAR100, Recipe.Augment.CIFAR);
        }
        if (data.startsWith(FOLDER)) {
            return folder(path(FOLDER), height, width);
        }
        throw new IllegalArgumentException(
                "no data source '"
                        + data
                        + "'; use glyphs, cifar10:DIR, cifar100:DIR or folder:DIR");
    }

    private Path path(String prefix) {
        return Path.of(data.substring(prefix.length()));
    }

    private Source folder(Path root, int height, int width) throws IOException {
        Path val = root.resolve("val");
        Path test = Files.isDirectory(val) ? val : root.resolve("test");
        if (!Files.isDirectory(root.resolve("train")) || !Files.isDirectory(test)) {
            throw new IOException(
                    root
                            + ": needs the folders train and val (or test), each with one folder"
                            + " of images per class");
        }
        ImageFolder train =
                ImageFolder.at(root.resolve("train"))
                        .size(height, width)
                        .mostPixels(maxPixels)
                        .open();
        ImageFolder held =
                ImageFolder.at(test)
                        .size(height, width)
                        .mostPixels(maxPixels)
                        .classes(train.classNames())
                        .open();
        return new Source(train, held, Normalisation.IMAGENET, Recipe.Augment.IMAGENET);
    }

    /** The folders that are read. */
    List<Path> inputs() {
        int colon = data.indexOf(':');
        return List.of(colon < 0 ? GLYPHS : Path.of(data.substring(colon + 1)));
    }

    boolean skipsBroken() {
        return onBroken == OnBroken.SKIP;
    }

    int loaderThreads() {
        return loaderThreads != null
                ? loaderThreads
                : data.startsWith(FOLDER) ? Runtime.getRuntime().availableProcessors() : 1;
    }

    /** What a run has to remember of these options; folders become absolute. */
    Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>();
        int colon = data.indexOf(':');
        settings.put(
                "data",
                colon < 0
                        ? data
                        : data.substring(0, colon + 1)
                                + Path.of(data.substring(colon + 1)).toAbsolutePath().normalize());
        settings.put("glyphs", String.valueOf(glyphs));
        settings.put("on-broken", onBroken.name().toLowerCase(Locale.ROOT));
        settings.put("max-pixels", String.valueOf(maxPixels));
        return settings;
    }

    /**
     * Takes remembered settings out of a map, except those that were given as options.
     *
     * @param given tells whether an option is on the command line
     */
    void restore(Map<String, String> settings, Predicate<String> given) {
        String savedData = settings.remove("data");
        if (savedData != null && !given.test("--data")) {
            data = savedData;
        }
        String savedGlyphs = settings.remove("glyphs");
        if (savedGlyphs != null && !given.test("--glyphs")) {
            glyphs = (int) number("glyphs", savedGlyphs);
        }
        String savedBroken = settings.remove("on-broken");
        if (savedBroken != null && !given.test("--on-broken")) {
            onBroken = savedBroken.equalsIgnoreCase("skip") ? OnBroken.SKIP : OnBroken.STOP;
        }
        String savedPixels = settings.remove("max-pixels");
        if (savedPixels != null && !given.test("--max-pixels")) {
            maxPixels = number("max-pixels", savedPixels);
        }
    }

    private static long number(String key, String text) {
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(key + " = " + text + ": is not a whole number", e);
        }
    }
}
