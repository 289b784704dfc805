package org.densenet4j.data;

import org.densenet4j.io.Csv;
import org.densenet4j.io.OneLine;
import org.densenet4j.io.SmallText;
import org.densenet4j.random.PhiloxRandom;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.IntPredicate;
import java.util.random.RandomGenerator;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * A table that says what images are labelled with: comma-separated values in UTF-8 with headings,
 * one line for each image. {@link LabelledFiles} are its images.
 *
 * <pre>
 * file,patient,split,Effusion,Mass
 * 001_000.png,17,train,1,0
 * 002_000.png,23,val,,1
 * </pre>
 *
 * Immutable.
 */
public final class LabelTable {
    /** Some hundred bytes for each of half a million images. */
    private static final int MOST_BYTES = 1 << 27;

    /** Purpose of the draws that divide tables. */
    private static final int DIVISION = 11;

    private final Path path;
    private final List<String> columns;
    private final List<List<String>> rows;

    /** Of each row, counted from 1, the headings' line included. */
    private final int[] lines;

    private LabelTable(Path path, List<String> columns, List<List<String>> rows, int[] lines) {
        this.path = path;
        this.columns = List.copyOf(columns);
        this.rows = List.copyOf(rows);
        this.lines = lines;
    }

    /**
     * Reads a file. Blanks around cells do not count, empty lines are left out.
     *
     * @param csv of at most 128 MB
     * @return the table
     * @throws IOException in one line when it cannot be read, has no lines, two headings are the
     *     same, or a line has more or fewer cells than there are headings
     */
    public static LabelTable read(Path csv) throws IOException {
        Objects.requireNonNull(csv, "csv");
        List<List<String>> parsed = Csv.parse(SmallText.read(csv, MOST_BYTES));
        if (parsed.isEmpty() || isEmpty(parsed.getFirst())) {
            throw new DataException(csv + ": begins with no headings, such as file,cat,dog");
        }
        List<String> columns = parsed.getFirst().stream().map(String::strip).toList();
        for (String column : columns) {
            if (columns.indexOf(column) != columns.lastIndexOf(column)) {
                throw new DataException(csv + ": two columns are named '" + column + "'");
            }
        }
        List<List<String>> rows = new ArrayList<>();
        List<Integer> lines = new ArrayList<>();
        for (int line = 2; line <= parsed.size(); line++) {
            List<String> row = parsed.get(line - 1);
            if (isEmpty(row)) {
                continue;
            }
            if (row.size() != columns.size()) {
                throw new DataException(
                        csv
                                + ", line "
                                + line
                                + ": has "
                                + row.size()
                                + (row.size() == 1 ? " cell" : " cells")
                                + ", there are "
                                + columns.size()
                                + " columns");
            }
            rows.add(row.stream().map(String::strip).toList());
            lines.add(line);
        }
        if (rows.isEmpty()) {
            throw new DataException(csv + ": has headings and no images");
        }
        return new LabelTable(
                csv, columns, rows, lines.stream().mapToInt(Integer::intValue).toArray());
    }

    private static boolean isEmpty(List<String> row) {
        return row.size() == 1 && row.getFirst().isBlank();
    }

    /** {@return the file} */
    public Path path() {
        return path;
    }

    /** {@return the headings} */
    public List<String> columns() {
        return columns;
    }

    /** {@return number of images} */
    public int size() {
        return rows.size();
    }

    /**
     * {@return a column's cells, one for each image}
     *
     * @param column its heading
     * @throws IOException in one line when there is none of this name
     */
    public List<String> column(String column) throws IOException {
        int at = indexOf(column);
        return rows.stream().map(row -> row.get(at)).toList();
    }

    /**
     * {@return whether there is a column}
     *
     * @param column its heading
     */
    public boolean has(String column) {
        return columns.contains(Objects.requireNonNull(column, "column"));
    }

    int indexOf(String column) throws DataException {
        Objects.requireNonNull(column, "column");
        int at = columns.indexOf(column);
        if (at < 0) {
            throw new DataException(
                    path
                            + ": has no column '"
                            + column
                            + "'"
                            + UnicodeForm.hint(column, columns)
                            + "; it has "
                            + OneLine.listed(columns));
        }
        return at;
    }

    String cell(int row, int column) {
        return rows.get(row).get(column);
    }

    /** A place for messages. */
    String place(int row) {
        return path + ", line " + lines[row];
    }

    /**
     * {@return the table with a column for each label that a cell lists, 1 where it does and else
     * 0, instead of the column of lists} ChestX-ray14 has {@code Cardiomegaly|Effusion} in one
     * column.
     *
     * @param column its heading
     * @param separator between labels, such as {@code |}
     * @param none a name that says that there are no labels, such as {@code No Finding}
     * @throws IOException in one line when there is no such column, no cell lists a label, or a
     *     label has the name of another column
     */
    public LabelTable listed(String column, String separator, String none) throws IOException {
        Objects.requireNonNull(separator, "separator");
        Objects.requireNonNull(none, "none");
        int at = indexOf(column);
        if (separator.isEmpty()) {
            throw new IllegalArgumentException("the separator is empty; use one such as |");
        }
        List<List<String>> lists = new ArrayList<>();
        TreeSet<String> labels = new TreeSet<>();
        for (List<String> row : rows) {
            List<String> list = new ArrayList<>();
            for (String name : row.get(at).split(Pattern.quote(separator), -1)) {
                if (!name.isBlank() && !name.strip().equals(none)) {
                    list.add(name.strip());
                }
            }
            lists.add(list);
            labels.addAll(list);
        }
        if (labels.isEmpty()) {
            throw new DataException(path + ": the column '" + column + "' lists no labels");
        }
        List<String> headings = new ArrayList<>(columns);
        headings.remove(at);
        for (String label : labels) {
            if (headings.contains(label)) {
                throw new DataException(
                        path + ": '" + label + "' is a label and the name of another column");
            }
        }
        headings.addAll(labels);
        List<List<String>> changed = new ArrayList<>();
        for (int r = 0; r < rows.size(); r++) {
            List<String> row = new ArrayList<>(rows.get(r));
            row.remove(at);
            for (String label : labels) {
                row.add(lists.get(r).contains(label) ? "1" : "0");
            }
            changed.add(row);
        }
        return new LabelTable(path, headings, changed, lines);
    }

    /**
     * {@return the images of which a column says one of some names, such as those of a part}
     *
     * @param column its heading
     * @param names without regard to case
     * @throws IOException in one line when there is no such column or no such image
     */
    public LabelTable where(String column, List<String> names) throws IOException {
        Objects.requireNonNull(names, "names");
        int at = indexOf(column);
        return rows(
                row -> names.stream().anyMatch(name -> name.equalsIgnoreCase(cell(row, at))),
                "has no images whose '" + column + "' is " + String.join(" or ", names));
    }

    /**
     * Divides the images so that those of one group, such as a patient, are never in both parts.
     * Groups are drawn until a part has so many images at least.
     *
     * @param column of the group, or empty for each image by itself
     * @param share of the images that are held out, above 0 and below 1
     * @param seed of the draw: the same gives the same parts
     * @return the rest, and what is held out
     * @throws IOException in one line when there is no such column, an image has no group, or one
     *     part would have no images
     */
    public Parts divide(String column, double share, long seed) throws IOException {
        Objects.requireNonNull(column, "column");
        if (!(share > 0 && share < 1)) {
            throw new IllegalArgumentException(
                    "share = " + share + ": use a number above 0 and below 1");
        }
        int at = column.isEmpty() ? -1 : indexOf(column);
        Map<String, Integer> images = new HashMap<>();
        for (int r = 0; r < rows.size(); r++) {
            String group = at < 0 ? String.valueOf(r) : cell(r, at);
            if (group.isEmpty()) {
                throw new DataException(place(r) + ": has no '" + column + "'");
            }
            images.merge(group, 1, Integer::sum);
        }
        List<String> order = new ArrayList<>(new TreeSet<>(images.keySet()));
        RandomGenerator random = new PhiloxRandom(seed, DIVISION, 0, 0);
        for (int i = order.size() - 1; i > 0; i--) {
            Collections.swap(order, i, random.nextInt(i + 1));
        }
        TreeSet<String> heldOut = new TreeSet<>();
        int count = 0;
        for (String group : order) {
            if (count >= share * rows.size()) {
                break;
            }
            heldOut.add(group);
            count += images.get(group);
        }
        String group = at < 0 ? "image" : "'" + column + "'";
        String few = "has too few images to hold some out by " + group;
        return new Parts(
                rows(r -> !heldOut.contains(at < 0 ? String.valueOf(r) : cell(r, at)), few),
                rows(r -> heldOut.contains(at < 0 ? String.valueOf(r) : cell(r, at)), few));
    }

    /**
     * Two parts of a table.
     *
     * @param training what is trained on
     * @param heldOut what is tested on
     */
    public record Parts(LabelTable training, LabelTable heldOut) {
        /**
         * Refuses parts that share a group, such as a patient: a network could know the patient
         * again instead of what it is to learn.
         *
         * @param column of the group
         * @throws IOException in one line that names a group of both, or when there is no such
         *     column
         */
        public void requireApart(String column) throws IOException {
            Set<String> trained = new HashSet<>(training.column(column));
            for (String group : heldOut.column(column)) {
                if (trained.contains(group)) {
                    throw new DataException(
                            training.path
                                    + ": images whose '"
                                    + column
                                    + "' is "
                                    + group
                                    + " are among those to train on and those held out");
                }
            }
        }
    }

    private LabelTable rows(IntPredicate which, String otherwise) throws DataException {
        int[] kept = IntStream.range(0, rows.size()).filter(which).toArray();
        if (kept.length == 0) {
            throw new DataException(path + ": " + otherwise);
        }
        List<List<String>> some = new ArrayList<>();
        int[] at = new int[kept.length];
        for (int i = 0; i < kept.length; i++) {
            some.add(rows.get(kept[i]));
            at[i] = lines[kept[i]];
        }
        return new LabelTable(path, columns, some, at);
    }
}
