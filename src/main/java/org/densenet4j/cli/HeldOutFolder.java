package org.densenet4j.cli;

import org.densenet4j.data.ImageFile;
import org.densenet4j.io.OneLine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** The layout of a folder of images: training images, and those that are held out. */
final class HeldOutFolder {
    /** What people call the images that are not trained on; the first one that there is counts. */
    private static final List<String> NAMES = List.of("val", "valid", "validation", "test");

    /** Those that are for validation. Tests are what is left when training has ended. */
    private static final List<String> VALIDATION = NAMES.subList(0, 3);

    /** Moves the first of every ten images; a class has at least one. */
    private static final String HOLD_OUT =
            "ls \"$c\" | awk 'NR %% 10 == 1' | while read -r f; do mv \"$c$f\" \"%s\"; done; ";

    private final Path root;

    HeldOutFolder(String folder) {
        try {
            root = Path.of(folder);
        } catch (InvalidPathException e) {
            throw new IllegalArgumentException(
                    "--data: the name of the folder cannot be read in this locale; set"
                            + " LC_ALL=C.UTF-8",
                    e);
        }
    }

    boolean hasTraining() {
        return Files.isDirectory(training());
    }

    Path training() {
        return root.resolve("train");
    }

    /**
     * The images that are held out.
     *
     * @throws IOException in one line that says how to make such a folder
     */
    Path heldOut() throws IOException {
        for (String name : NAMES) {
            if (Files.isDirectory(root.resolve(name))) {
                return root.resolve(name);
            }
        }
        if (!Files.isDirectory(root)) {
            throw new IOException(root + ": no such folder");
        }
        String needs =
                root
                        + ": needs the folders train and val (or valid, validation, test), each"
                        + " with one folder of images per class";
        String share = "; --val-share 0.1 holds a tenth of each class out without moving files";
        if (!hasTraining() && isPart() && holdsClasses()) {
            throw new IOException(
                    root
                            + ": is one of the folders train and val (or valid, validation, test)"
                            + " of a data set; use --data folder:"
                            + above());
        }
        if (hasTraining()) {
            throw new IOException(
                    needs
                            + share
                            + "; to hold out every tenth image: cd "
                            + quoted(training())
                            + " && for c in ./*/; do mkdir -p \"../val/$c\"; "
                            + String.format(Locale.ROOT, HOLD_OUT, "../val/$c")
                            + "done");
        }
        if (holdsClasses()) {
            throw new IOException(
                    needs
                            + share
                            + "; to make them and hold out every tenth image: cd "
                            + quoted(root)
                            + " && for c in ./*/; do mkdir -p \"train/$c\" \"val/$c\"; "
                            + String.format(Locale.ROOT, HOLD_OUT, "val/$c")
                            + "mv \"$c\"* \"train/$c\"; rmdir \"$c\"; done");
        }
        throw new IOException(needs);
    }

    /**
     * The folder whose classes are split by a share, because nothing is held out for validation.
     *
     * @throws IOException in one line when there is such a folder, or no folder of classes
     */
    Path withoutHeldOut() throws IOException {
        for (String name : VALIDATION) {
            if (Files.isDirectory(root.resolve(name))) {
                throw new IOException(
                        root.resolve(name)
                                + ": holds the images to validate with already; leave --val-share"
                                + " out");
            }
        }
        if (hasTraining()) {
            return training();
        }
        if (!Files.isDirectory(root)) {
            throw new IOException(root + ": no such folder");
        }
        if (!holdsClasses()) {
            throw new IOException(
                    root + ": needs one folder of images per class, or train with such folders");
        }
        return root;
    }

    /** Says which folder is tested on where there are several of those names. */
    void tellUnused(Path heldOut) {
        List<String> unused =
                NAMES.stream()
                        .map(root::resolve)
                        .filter(folder -> Files.isDirectory(folder) && !isSame(folder, heldOut))
                        .map(folder -> OneLine.of(folder.toString()))
                        .toList();
        if (!unused.isEmpty()) {
            System.err.println(
                    "note: testing on "
                            + OneLine.of(heldOut.toString())
                            + "; not used: "
                            + String.join(", ", unused));
        }
    }

    /** Links may lead from one name to another. */
    private static boolean isSame(Path one, Path other) {
        try {
            return Files.isSameFile(one, other);
        } catch (IOException e) {
            return one.equals(other);
        }
    }

    /**
     * The images to train on, where some are held out.
     *
     * @throws IOException in one line when there are none
     */
    Path trainingBeside(Path heldOut) throws IOException {
        if (!hasTraining()) {
            throw new IOException(
                    root
                            + ": has no folder train, only "
                            + heldOut.getFileName()
                            + ": a network can be evaluated on it, not trained");
        }
        return training();
    }

    /** Whether it is one of the folders that belong below the one to be named. */
    private boolean isPart() {
        Path name = root.toAbsolutePath().normalize().getFileName();
        return name != null && (NAMES.contains(name.toString()) || name.endsWith("train"));
    }

    private Path above() {
        Path absolute = root.toAbsolutePath().normalize();
        if (!absolute.getFileName().equals(root.getFileName())) {
            return absolute.getParent();
        }
        return root.getParent() == null ? Path.of(".") : root.getParent();
    }

    private static String quoted(Path path) {
        return "'" + path.toString().replace("'", "'\\''") + "'";
    }

    /** Whether there are folders with images right below. */
    private boolean holdsClasses() throws IOException {
        try (Stream<Path> all = Files.walk(root, 2)) {
            return all.anyMatch(file -> !root.equals(file.getParent()) && ImageFile.isImage(file));
        }
    }
}
