package org.densenet4j.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * What a command may write: never a file that it reads, by whatever name, and another one that
 * exists only when its user says so or when it is an earlier report of this project ({@link
 * OutputFolder}). Checked before the work, so that no hour of it is lost.
 */
public final class OutputRule {
    private final Set<Object> inputs = new HashSet<>();
    private final List<Path> inputFolders = new ArrayList<>();
    private final boolean overwrite;

    /**
     * A rule for one command.
     *
     * @param inputs files that are read, and folders of which every file may be; those that do not
     *     exist are somebody else's to complain about
     * @param overwrite whether files that exist may be replaced, other than inputs
     * @throws IOException when an input that exists cannot be looked at
     */
    public OutputRule(Collection<Path> inputs, boolean overwrite) throws IOException {
        this.overwrite = overwrite;
        for (Path input : Objects.requireNonNull(inputs, "inputs")) {
            if (Files.isDirectory(input)) {
                inputFolders.add(input.toRealPath());
            } else if (Files.exists(input)) {
                this.inputs.add(identity(input));
            }
        }
    }

    /** The same for every path of a file: through links, and in any case where case is ignored. */
    private static Object identity(Path path) throws IOException {
        Object key = Files.readAttributes(path, BasicFileAttributes.class).fileKey();
        return key != null ? key : path.toRealPath();
    }

    private boolean isInput(Path file) throws IOException {
        if (inputs.contains(identity(file))) {
            return true;
        }
        Path real = file.toRealPath();
        return inputFolders.stream().anyMatch(real::startsWith);
    }

    /**
     * Checks a file that is about to be written. Devices and pipes may always be.
     *
     * @param file need not exist, but its folder must
     * @throws IOException in one line when it is an input, exists, or cannot be made
     */
    public void checkFile(Path file) throws IOException {
        Objects.requireNonNull(file, "file");
        if (AtomicFile.isStream(file)) {
            return;
        }
        if (Files.isDirectory(file)) {
            throw new IOException(file + " is a folder; name a file in it");
        }
        Path folder = file.toAbsolutePath().getParent();
        if (!Files.isDirectory(folder)) {
            throw new IOException(file + ": there is no folder " + folder + "; make it first");
        }
        check(file);
        probe(file, folder);
    }

    /**
     * Checks the files that are about to be written into a folder, which need not exist.
     *
     * @param folder that they are written into
     * @param names of the files in it
     * @throws IOException in one line when one of them is an input, or exists and is not an
     *     unchanged file that {@link OutputFolder} wrote there, or cannot be made
     */
    public void checkFolder(Path folder, Collection<String> names) throws IOException {
        Objects.requireNonNull(folder, "folder");
        Objects.requireNonNull(names, "names");
        if (!Files.isDirectory(folder)) {
            if (Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
                throw new IOException(folder + " is not a folder; name another");
            }
            Path above = folder.toAbsolutePath().getParent();
            while (above != null && !Files.exists(above, LinkOption.NOFOLLOW_LINKS)) {
                above = above.getParent();
            }
            if (above == null || !Files.isDirectory(above)) {
                throw new IOException(
                        "cannot make the folder " + folder + ": " + above + " is not a folder");
            }
            probe(folder, above);
            return;
        }
        OutputFolder earlier = OutputFolder.at(folder);
        for (String name : names) {
            Path file = folder.resolve(name);
            if (Files.isDirectory(file)) {
                throw new IOException(file + " is a folder; a file of this name is to be written");
            }
            if (earlier.wrote(name)) {
                refuseInput(file);
            } else {
                check(file);
            }
        }
        probe(folder, folder);
    }

    private void check(Path file) throws IOException {
        if (Files.exists(file)) {
            refuseInput(file);
        }
        if (!overwrite && Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException(
                    file + " exists; write to another place, or replace it with --overwrite");
        }
    }

    private void refuseInput(Path file) throws IOException {
        if (isInput(file)) {
            throw new IOException(
                    file + " is one of the files that are read; write to another place");
        }
    }

    private static void probe(Path output, Path folder) throws IOException {
        try {
            AtomicFile.probe(folder);
        } catch (NoSuchFileException e) {
            // Such as /proc, which has no room for files.
            throw new IOException(output + ": no file can be made in " + folder, e);
        } catch (IOException e) {
            throw new IOException(
                    output + ": no file can be made in " + folder + ": " + FailureReason.of(e), e);
        }
    }
}
