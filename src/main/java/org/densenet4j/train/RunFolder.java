package org.densenet4j.train;

import org.densenet4j.io.AtomicFile;
import org.densenet4j.io.Csv;
import org.densenet4j.io.FailureReason;
import org.densenet4j.report.Table;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The folder of one training run, locked while it is open.
 *
 * <pre>
 * config.properties        the resolved recipe and the data
 * metrics.csv              one line per epoch
 * events.out.tfevents.*    the same and more for TensorBoard
 * checkpoint.safetensors   the last state
 * best.safetensors         the state with the highest test accuracy, or mean IoU of pixels
 * confusion.csv            test images of the best state: rows are classes, columns predictions
 * iou.csv                  instead of it, where pixels are classified: scores of each class
 * summary.html             curves and the confusion matrix or the scores on one page
 * </pre>
 */
public final class RunFolder implements AutoCloseable {
    /** The last state. */
    public static final String CHECKPOINT = "checkpoint.safetensors";

    /** The state with the highest test accuracy. */
    public static final String BEST = "best.safetensors";

    /** The resolved recipe and the data. */
    public static final String CONFIG = "config.properties";

    /** Curves and the confusion matrix on one page. */
    public static final String SUMMARY = "summary.html";

    static final String METRICS = "metrics.csv";
    static final String CONFUSION = "confusion.csv";
    static final String IOU = "iou.csv";
    private static final String LOCK = "run.lock";

    private static final List<String> RUN = List.of(CONFIG, METRICS, CHECKPOINT, BEST);

    /** How each output does in the best state, where images are labelled with vectors. */
    public static final String OUTPUTS = "outputs.csv";

    /** Pages of a run; a folder without one of {@link #RUN} has them from somewhere else. */
    private static final List<String> PAGES = List.of(CONFUSION, IOU, OUTPUTS, SUMMARY);

    /** What a process leaves that is killed while it writes one of these files. */
    private static final Pattern LEFT_OVER =
            Pattern.compile(
                    Stream.of(RUN, PAGES)
                            .flatMap(List::stream)
                            .map(Pattern::quote)
                            .collect(Collectors.joining("|", "(", ")\\.tmp-[0-9]+(-[0-9]+)?")));

    private final Path folder;
    private final @Nullable FileChannel lockChannel;
    private boolean closed;

    private RunFolder(Path folder, @Nullable FileChannel lockChannel) {
        this.folder = folder;
        this.lockChannel = lockChannel;
    }

    /**
     * Makes a folder for a new run.
     *
     * @param folder is made if it is not there
     * @return the folder, which no other process may have until it is closed
     * @throws IOException in one line when it holds a run already, is in use or cannot be written
     */
    public static RunFolder create(Path folder) throws IOException {
        Objects.requireNonNull(folder, "folder");
        checkNew(folder);
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw cannotWrite(folder, e);
        }
        return lock(folder);
    }

    /**
     * Looks whether a new run may have this folder, before anything is prepared.
     *
     * @param folder need not be there
     * @throws IOException in one line when it holds a run already, or a file that the run would
     *     replace
     */
    public static void checkNew(Path folder) throws IOException {
        Objects.requireNonNull(folder, "folder");
        for (String name : RUN) {
            if (Files.exists(folder.resolve(name))) {
                throw new IOException(
                        folder
                                + " already holds a run ("
                                + name
                                + "); continue it with --resume "
                                + folder
                                + ", or choose another folder");
            }
        }
        for (String name : PAGES) {
            if (Files.exists(folder.resolve(name))) {
                throw new IOException(
                        folder.resolve(name)
                                + " exists, and a run would replace it; choose another folder");
            }
        }
        Path lock = folder.resolve(LOCK);
        if (Files.isRegularFile(lock) && Files.size(lock) > 0) {
            throw new IOException(lock + " is not of a run; choose another folder");
        }
    }

    /**
     * Opens the folder of a run to continue it. {@link #create} makes one for a new run.
     *
     * @param folder of a run, which is there
     * @return the folder, which no other process may have until it is closed
     * @throws IOException in one line when there is no such folder, it is in use or cannot be
     *     written
     */
    public static RunFolder open(Path folder) throws IOException {
        Objects.requireNonNull(folder, "folder");
        if (!Files.isDirectory(folder)) {
            throw new IOException(
                    folder
                            + (Files.exists(folder)
                                    ? " is not a folder"
                                    : ": there is no such folder")
                            + "; name that of a run, or make one for a new run"
                            + " (RunFolder.create)");
        }
        return lock(folder);
    }

    /**
     * The folder of a run as ranks other than 0 have it, which leave its files to rank 0.
     *
     * @param folder what rank 0 has; nothing is made or locked
     * @return a folder that is never written
     */
    public static RunFolder ofFirstRank(Path folder) {
        return new RunFolder(Objects.requireNonNull(folder, "folder"), null);
    }

    /** Whether this process writes the files. */
    boolean isWritten() {
        return lockChannel != null;
    }

    private static RunFolder lock(Path folder) throws IOException {
        FileChannel channel = null;
        try {
            channel =
                    FileChannel.open(
                            folder.resolve(LOCK),
                            StandardOpenOption.CREATE,
                            StandardOpenOption.WRITE);
            FileLock lock = channel.tryLock();
            if (lock != null) {
                removeLeftOvers(folder);
                return new RunFolder(folder, channel);
            }
        } catch (OverlappingFileLockException e) {
            // Another run of this process: the same as one of another process.
        } catch (IOException e) {
            throw cannotWrite(folder, e);
        }
        channel.close();
        throw new IOException(folder + " is in use by another run; wait for it or stop it");
    }

    private static void removeLeftOvers(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                if (LEFT_OVER.matcher(file.getFileName().toString()).matches()) {
                    Files.deleteIfExists(file);
                }
            }
        }
    }

    private static IOException cannotWrite(Path folder, IOException e) {
        String reason =
                e instanceof FileAlreadyExistsException
                        ? "it is not a folder"
                        : FailureReason.of(e);
        return new IOException(
                "cannot write to the run folder "
                        + folder
                        + " ("
                        + reason
                        + "); choose another with --out",
                e);
    }

    /** {@return where it is} */
    public Path path() {
        return folder;
    }

    /** Another run may have the folder once this is closed. */
    void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the run folder " + folder + " is closed");
        }
    }

    /** A file inside. */
    Path file(String name) {
        return folder.resolve(name);
    }

    void writeConfig(String comment, Map<String, String> settings) throws IOException {
        if (!isWritten()) {
            return;
        }
        SettingsFile.write(file(CONFIG), comment, settings);
    }

    /** Adds a line to the metrics. */
    void append(EpochResult result, List<String> classNames) throws IOException {
        if (!isWritten()) {
            return;
        }
        Path metrics = file(METRICS);
        boolean isNew = !Files.exists(metrics);
        String header = new Csv().row(result.columns(classNames)).toString();
        String text = (isNew ? header : "") + result.csv();
        try {
            Files.writeString(metrics, text, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new IOException("cannot write " + metrics + ": " + FailureReason.of(e), e);
        }
    }

    /**
     * Removes lines of epochs that the checkpoint does not have, written by a process that was
     * killed before it could save, and a line that it did not finish.
     */
    void keepMetrics(int epochs) throws IOException {
        Path metrics = file(METRICS);
        if (!isWritten() || !Files.exists(metrics)) {
            return;
        }
        List<String> kept = new ArrayList<>();
        String text = Files.readString(metrics);
        for (String line : text.substring(0, text.lastIndexOf('\n') + 1).lines().toList()) {
            String first = line.split(",", 2)[0];
            if (!first.matches("\\d{1,9}") || Integer.parseInt(first) <= epochs) {
                kept.add(line);
            }
        }
        write(METRICS, String.join("\n", kept) + (kept.isEmpty() ? "" : "\n"));
    }

    /** The numbers of all epochs. */
    Metrics metrics() throws IOException {
        Path metrics = file(METRICS);
        return Metrics.of(Files.exists(metrics) ? Files.readAllLines(metrics) : List.of());
    }

    /**
     * {@return the scores of each class in the best state, [class, iou, right, labelled,
     * predicted]; empty before the first test, and where images are classified}
     *
     * @throws IOException when the file is there and cannot be read
     */
    public List<List<String>> iou() throws IOException {
        Path file = file(IOU);
        if (!Files.exists(file)) {
            return List.of();
        }
        List<List<String>> lines = Csv.parse(Files.readString(file));
        return lines.subList(1, lines.size());
    }

    /**
     * {@return the scores of each output in the best state; empty before the first test, and where
     * images have one class}
     *
     * @throws IOException when the file is there and cannot be read
     */
    public Optional<Table> outputs() throws IOException {
        Path file = file(OUTPUTS);
        return Files.exists(file)
                ? Optional.of(OutputTable.of(Csv.parse(Files.readString(file))))
                : Optional.empty();
    }

    /** The confusion matrix of the best state; empty before the first test. */
    int[][] confusion() throws IOException {
        Path file = file(CONFUSION);
        if (!Files.exists(file)) {
            return new int[0][];
        }
        List<List<String>> lines = Csv.parse(Files.readString(file));
        int classes = lines.size() - 1;
        int[][] confusion = new int[classes][classes];
        for (int label = 0; label < classes; label++) {
            for (int c = 0; c < classes; c++) {
                confusion[label][c] = Integer.parseInt(lines.get(label + 1).get(c + 1));
            }
        }
        return confusion;
    }

    /**
     * {@return what of a run's results a folder holds, first what is worth most: a run that is
     * started again would replace it}
     *
     * @param folder of a run, or any other
     */
    public static Optional<Path> results(Path folder) {
        Objects.requireNonNull(folder, "folder");
        return Stream.of(BEST, METRICS, CONFUSION, IOU, OUTPUTS)
                .map(folder::resolve)
                .filter(file -> Files.exists(file, LinkOption.NOFOLLOW_LINKS))
                .findFirst();
    }

    /**
     * Removes what a process left that was stopped before its first checkpoint.
     *
     * @throws IOException when a file cannot be removed
     */
    public void clear() throws IOException {
        if (!isWritten()) {
            return;
        }
        keepMetrics(0);
        Files.deleteIfExists(file(BEST));
        Files.deleteIfExists(file(CONFUSION));
        Files.deleteIfExists(file(IOU));
        Files.deleteIfExists(file(OUTPUTS));
    }

    void write(String name, String text) throws IOException {
        if (!isWritten()) {
            return;
        }
        if (text.isEmpty()) {
            Files.deleteIfExists(file(name));
        } else {
            AtomicFile.write(file(name), text);
        }
    }

    @Override
    public void close() throws IOException {
        if (!closed) {
            closed = true;
            if (lockChannel != null) {
                lockChannel.close();
                Files.deleteIfExists(folder.resolve(LOCK));
            }
        }
    }
}
