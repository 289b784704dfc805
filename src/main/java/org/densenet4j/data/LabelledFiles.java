package org.densenet4j.data;

import org.densenet4j.io.OneLine;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * Image files below a folder whose labels are in a {@link LabelTable}: one class, several labels,
 * or numbers. Files are decoded when they are asked for, by whichever thread asks, and never kept.
 *
 * <pre>{@code
 * LabelTable.Parts parts = LabelTable.read(csv).divide("patient", 0.2, 0);
 * LabelledFiles train =
 *         LabelledFiles.of(folder, parts.training(), Task.MULTILABEL)
 *                 .file("image").labels(List.of("Effusion", "Mass")).open();
 * }</pre>
 */
public final class LabelledFiles implements Dataset {
    private final FileImages images;
    private final Task task;
    private final List<String> names;
    private final int[] classes;
    private final float[][] targets;

    private LabelledFiles(
            FileImages images, Task task, List<String> names, int[] classes, float[][] targets) {
        this.images = images;
        this.task = task;
        this.names = List.copyOf(names);
        this.classes = classes;
        this.targets = targets;
    }

    /**
     * Starts with the first column as the file's, all others as labels, 224x224 pixels, cut out of
     * 256, and {@link DecodeOptions#DEFAULT}.
     *
     * @param folder that the table's files are below
     * @param table one line for each image
     * @param task what labels are: the name of a class in one column; 0 to 1 for each label, empty
     *     or −1 where it is not known; numbers, empty where they are not known
     * @return a builder, whose {@link Builder#open} looks at labels and files
     * @throws IllegalArgumentException when pixels are to be classified
     */
    public static Builder of(Path folder, LabelTable table, Task task) {
        Objects.requireNonNull(folder, "folder");
        Objects.requireNonNull(table, "table");
        Objects.requireNonNull(task, "task");
        if (task == Task.SEGMENT) {
            throw new IllegalArgumentException(
                    "labels of pixels are images, not lines of a table; use a SegmentationFolder");
        }
        return new Builder(folder, table, task);
    }

    @Override
    public int size() {
        return images.size();
    }

    @Override
    public int height() {
        return images.crop().height();
    }

    @Override
    public int width() {
        return images.crop().width();
    }

    @Override
    public int channels() {
        return images.crop().channels();
    }

    @Override
    public List<String> classNames() {
        return names;
    }

    @Override
    public Task task() {
        return task;
    }

    @Override
    public int label(int index) {
        return task == Task.CLASSIFY ? classes[Index.checked("index", index, classes.length)] : 0;
    }

    @Override
    public float[] targets(int index) {
        return task.isOfVectors()
                ? targets[Index.checked("index", index, targets.length)].clone()
                : new float[0];
    }

    /**
     * {@return where an image is}
     *
     * @param index of the image, from 0 to below {@link #size}
     */
    public Path file(int index) {
        return images.file(index);
    }

    /**
     * {@return for each label how many images have it, and how many have it not: what weights of
     * positive targets are made of} Targets above 1/2 count as having it.
     */
    public List<Counts> counts() {
        List<Counts> counts = new ArrayList<>();
        for (int c = 0; c < names.size(); c++) {
            long positive = 0;
            long negative = 0;
            for (float[] of : targets) {
                positive += of[c] > 0.5 ? 1 : 0;
                negative += of[c] <= 0.5 ? 1 : 0;
            }
            counts.add(new Counts(names.get(c), positive, negative));
        }
        return counts;
    }

    /**
     * How often a label is given.
     *
     * @param label its name
     * @param positive images that have it
     * @param negative images that have it not
     */
    public record Counts(String label, long positive, long negative) {}

    /** The image as evaluation sees it: resized, and cut out of the middle. */
    @Override
    public void read(int index, byte[] pixels) {
        images.read(index, pixels);
    }

    @Override
    public Optional<Resizing> resizing() {
        return images.crop().resizing().ifUnusual();
    }

    @Override
    public boolean exifOrientation() {
        return images.decoding().exifOrientation();
    }

    @Override
    public Image image(int index) {
        return images.image(index, image -> image);
    }

    @Override
    public <T> T image(int index, Function<Image, T> use) {
        return images.image(index, use);
    }

    /** Says what to read; {@link #open} looks at labels and files. */
    public static final class Builder {
        private final Path folder;
        private final LabelTable table;
        private final Task task;
        private String file;
        private List<String> labels;
        private List<String> classNames = List.of();
        private CentreCrop crop = new CentreCrop(224, 224, 3, CentreCrop.SHARE, false);
        private DecodeOptions decoding = DecodeOptions.DEFAULT;

        private Builder(Path folder, LabelTable table, Task task) {
            this.folder = folder;
            this.table = table;
            this.task = task;
            this.file = table.columns().getFirst();
            this.labels = table.columns().subList(1, table.columns().size());
        }

        /**
         * The column of the files' names, below the folder.
         *
         * @param column the first one unless told
         * @return this
         */
        public Builder file(String column) {
            file = Objects.requireNonNull(column, "column");
            return this;
        }

        /**
         * The columns of labels: the outputs of a network, in this order.
         *
         * @param columns all but the first unless told
         * @return this
         */
        public Builder labels(List<String> columns) {
            labels = WithoutNull.copy(columns, "columns");
            return this;
        }

        /**
         * Names of the classes where images have one class, in the order of the labels: those of
         * the training images for the others.
         *
         * @param names by name unless told, of all that occur
         * @return this
         */
        public Builder classNames(List<String> names) {
            classNames = WithoutNull.copy(names, "names");
            return this;
        }

        /**
         * How evaluation prepares images, with size and channels.
         *
         * @param value size, channels and share in one
         * @return this
         */
        public Builder crop(CentreCrop value) {
            crop = Objects.requireNonNull(value, "crop");
            return this;
        }

        /**
         * How files are decoded.
         *
         * @param options how files are decoded
         * @return this
         */
        public Builder decoding(DecodeOptions options) {
            decoding = Objects.requireNonNull(options, "options");
            return this;
        }

        /**
         * Looks at all labels, and whether all files are there.
         *
         * @return the data set
         * @throws DataException in one line when a column is not there, a cell holds what is no
         *     label, no image has a label, a file is missing or named twice
         */
        public LabelledFiles open() throws IOException {
            if (labels.isEmpty()) {
                throw new DataException(table.path() + ": has no columns of labels");
            }
            if (task == Task.CLASSIFY && labels.size() != 1) {
                throw new DataException(
                        table.path()
                                + ": one column names the class of an image, and these are "
                                + OneLine.listed(labels)
                                + "; choose one, or train on several labels (task multilabel)");
            }
            if (new HashSet<>(labels).size() < labels.size()) {
                throw new DataException(table.path() + ": a column of labels is named twice");
            }
            FileImages images = new FileImages(files(), crop, decoding);
            if (task == Task.CLASSIFY) {
                return ofClasses(images);
            }
            return new LabelledFiles(images, task, labels, new int[0], vectors());
        }

        private List<Path> files() throws DataException {
            int column = table.indexOf(file);
            List<Path> files = new ArrayList<>();
            Set<Path> seen = new HashSet<>();
            for (int r = 0; r < table.size(); r++) {
                String name = table.cell(r, column);
                Path path;
                try {
                    path = folder.resolve(name);
                } catch (InvalidPathException e) {
                    throw new DataException(
                            table.place(r) + ": '" + name + "' is no name of a file", e);
                }
                if (name.isEmpty() || !Files.isRegularFile(path)) {
                    throw new DataException(
                            table.place(r)
                                    + ": there is no file "
                                    + (name.isEmpty() ? "named" : path)
                                    + "; the column '"
                                    + file
                                    + "' names files below "
                                    + folder);
                }
                if (!seen.add(path.normalize())) {
                    throw new DataException(table.place(r) + ": " + name + " has two lines");
                }
                files.add(path);
            }
            return files;
        }

        private LabelledFiles ofClasses(FileImages images) throws DataException {
            int column = table.indexOf(labels.getFirst());
            TreeSet<String> occurring = new TreeSet<>();
            for (int r = 0; r < table.size(); r++) {
                String name = table.cell(r, column);
                if (name.isEmpty()) {
                    throw new DataException(
                            table.place(r) + ": has no '" + labels.getFirst() + "'");
                }
                occurring.add(name);
            }
            List<String> names = classNames.isEmpty() ? List.copyOf(occurring) : classNames;
            int[] classes = new int[table.size()];
            for (int r = 0; r < classes.length; r++) {
                classes[r] = names.indexOf(table.cell(r, column));
                if (classes[r] < 0) {
                    throw new DataException(
                            table.place(r)
                                    + ": the training images have no class '"
                                    + table.cell(r, column)
                                    + "'"
                                    + UnicodeForm.hint(table.cell(r, column), names));
                }
            }
            return new LabelledFiles(images, task, names, classes, new float[0][]);
        }

        private float[][] vectors() throws DataException {
            int[] columns = new int[labels.size()];
            for (int c = 0; c < columns.length; c++) {
                columns[c] = table.indexOf(labels.get(c));
            }
            float[][] vectors = new float[table.size()][columns.length];
            boolean any = false;
            for (int r = 0; r < vectors.length; r++) {
                for (int c = 0; c < columns.length; c++) {
                    vectors[r][c] = target(r, columns[c]);
                    any |= !Float.isNaN(vectors[r][c]);
                }
            }
            if (!any) {
                throw new DataException(
                        table.path()
                                + ": no image has a value in "
                                + OneLine.listed(labels)
                                + "; there is nothing to learn");
            }
            return vectors;
        }

        private float target(int row, int column) throws DataException {
            String cell = table.cell(row, column);
            if (cell.isEmpty() || cell.equalsIgnoreCase("nan")) {
                return Float.NaN;
            }
            float value;
            try {
                value = Float.parseFloat(cell);
            } catch (NumberFormatException e) {
                throw wrong(row, column, "is no number", e);
            }
            if (task == Task.REGRESS) {
                if (!Float.isFinite(value)) {
                    throw wrong(row, column, "is not finite", null);
                }
                return value;
            }
            if (value == -1) {
                return Float.NaN; // CheXpert's label of what its readers are not certain of
            }
            if (!(value >= 0 && value <= 1)) {
                throw wrong(row, column, "is no label", null);
            }
            return value;
        }

        private DataException wrong(
                int row, int column, String what, @Nullable NumberFormatException cause) {
            return new DataException(
                    table.place(row)
                            + ": '"
                            + table.cell(row, column)
                            + "' of '"
                            + table.columns().get(column)
                            + "' "
                            + what
                            + "; use "
                            + (task == Task.REGRESS ? "a number" : "0 to 1")
                            + ", or leave it empty where it is not known",
                    cause);
        }
    }
}
