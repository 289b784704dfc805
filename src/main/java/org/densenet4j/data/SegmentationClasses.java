package org.densenet4j.data;

import org.densenet4j.io.Csv;
import org.densenet4j.io.OneLine;
import org.densenet4j.io.SmallText;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * The classes of pixels: their names, the colours that they have in label images and are drawn in,
 * and how label images of class indices count them. Immutable.
 *
 * <p>Pixels that belong to no class are <em>void</em>: they are neither trained on nor scored.
 */
public final class SegmentationClasses {
    /** What marks void pixels in label images of indices, unless told otherwise. */
    public static final int VOID_LABEL = 255;

    /** A class's index is a byte, and one value means void. */
    private static final int MOST_CLASSES = 255;

    /** Of a colour or an index that is no class's. */
    static final int UNKNOWN = -1;

    /** The row of a table that names what belongs to no class. */
    private static final String VOID = "void";

    private final List<String> names;
    private final int[] colours;
    private final int voidColour;
    private final boolean table;
    private final boolean namesVoid;

    /** Class, {@link LabelledImage#VOID} or absent. */
    private final Map<Integer, Integer> labelOfColour;

    /** Class, {@link LabelledImage#VOID} or {@link #UNKNOWN}. */
    private final int[] labelOfIndex;

    private SegmentationClasses(
            List<String> names,
            int[] colours,
            int voidColour,
            Map<Integer, Integer> labelOfColour,
            boolean namesVoid,
            int[] labelOfIndex) {
        this.names = List.copyOf(names);
        this.colours = colours;
        this.voidColour = voidColour;
        this.labelOfColour = labelOfColour;
        this.table = !labelOfColour.isEmpty();
        this.namesVoid = namesVoid;
        this.labelOfIndex = labelOfIndex;
    }

    /**
     * {@return classes without colours: label images hold their indices} They are drawn in the
     * colours of PASCAL VOC: where the first class is called background, it is black and void is
     * (224, 224, 192), as there; without a background the classes begin with the second colour, and
     * void is black.
     *
     * @param names 2 to 255 different ones
     * @throws IllegalArgumentException when there are fewer than 2 or more than 255, or two have
     *     one name
     */
    public static SegmentationClasses of(List<String> names) {
        checkNames(names);
        int first = names.getFirst().equalsIgnoreCase("background") ? 0 : 1;
        return new SegmentationClasses(
                names,
                IntStream.range(first, first + names.size())
                        .map(SegmentationClasses::vocColour)
                        .toArray(),
                first == 0 ? vocColour(VOID_LABEL) : 0,
                Map.of(),
                false,
                indices(names.size(), VOID_LABEL));
    }

    private static void checkNames(List<String> names) {
        Objects.requireNonNull(names, "names");
        checkCount("the classes", names.size());
        if (new HashSet<>(names).size() != names.size()) {
            throw new IllegalArgumentException(
                    "two classes have one name among " + OneLine.listed(names));
        }
    }

    /**
     * {@return classes that masks show by these colours and indices, as a file of weights records
     * them}
     *
     * @param names 2 to 255 different ones
     * @param palette of as many classes
     * @throws IllegalArgumentException as {@link #of(List)}, or when there are not as many colours
     */
    public static SegmentationClasses of(List<String> names, ClassPalette palette) {
        Objects.requireNonNull(palette, "palette");
        checkNames(names);
        if (palette.count() != names.size()) {
            throw new IllegalArgumentException(
                    "colours of " + palette.count() + " classes for " + names.size() + " names");
        }
        int[] labelOfIndex = unknown();
        for (int c = 0; c < names.size(); c++) {
            labelOfIndex[palette.indices().get(c)] = c;
        }
        labelOfIndex[palette.voidIndex()] = LabelledImage.VOID;
        return new SegmentationClasses(
                names,
                palette.colours().stream().mapToInt(Integer::intValue).toArray(),
                palette.voidColour(),
                Map.of(),
                false,
                labelOfIndex);
    }

    /**
     * So many classes without colours, named by their numbers.
     *
     * @param count 2 to 255
     * @return the classes
     */
    public static SegmentationClasses numbered(int count) {
        checkCount("the classes", count);
        return of(IntStream.range(0, count).mapToObj(Integer::toString).toList());
    }

    /**
     * {@return the 11 classes of CamVid (Brostow et al. 2009) as SegNet and FC-DenseNet number
     * them, each with its colours among the 32 of the original label images; index 11 and the other
     * colours are void}
     */
    public static SegmentationClasses camvid() {
        String name = "camvid.csv";
        try (InputStream in = SegmentationClasses.class.getResourceAsStream(name)) {
            return parse(name, new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Reads a table of colours: lines of {@code name,r,g,b}, with or without such a header, of
     * {@code name r g b} or {@code r g b name} (CamVid's {@code label_colors.txt}), or JSON: {@code
     * {"name": [r, g, b], ...}}. What stands behind a {@code #} at the start of a line or behind a
     * blank is a comment.
     *
     * <p>Classes are numbered as their names first appear. A name may stand in several lines: all
     * of these colours are the class's, and it is drawn in the first. A row named {@code void}
     * makes void of its colour <em>and of every colour that is not in the table</em>; without one
     * such a colour is an error. In label images of indices an index counts the names of the table,
     * void among them.
     *
     * @param file a table of names and colours
     * @return the classes
     * @throws IOException in one line with the file, the line and what is wrong
     */
    public static SegmentationClasses read(Path file) throws IOException {
        Objects.requireNonNull(file, "file");
        return parse(file.toString(), SmallText.read(file));
    }

    /**
     * Reads a table that is in memory, such as what {@link #csv} gave.
     *
     * @param name stands for the file's name in messages
     * @param text the table
     * @return the classes
     * @throws IOException in one line with the name, the line and what is wrong
     */
    public static SegmentationClasses parse(String name, String text) throws IOException {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(text, "text");
        try {
            return of(name, ColourTable.parse(name, text));
        } catch (IllegalArgumentException e) {
            throw new DataException(e.getMessage(), e);
        }
    }

    private static SegmentationClasses of(String file, List<ColourTable.Row> rows)
            throws DataException {
        Map<String, Integer> labels = new LinkedHashMap<>();
        Map<Integer, Integer> labelOfColour = new HashMap<>();
        List<Integer> drawn = new ArrayList<>();
        Map<Integer, String> nameOfColour = new HashMap<>();
        int[] labelOfIndex = unknown();
        int voidColour = 0;
        boolean namesVoid = false;
        for (ColourTable.Row row : rows) {
            boolean isVoid = row.name().equalsIgnoreCase(VOID);
            String name = isVoid ? VOID : row.name();
            if (!labels.containsKey(name)) {
                int classIndex = labels.size() - (namesVoid ? 1 : 0);
                int index = labels.size();
                checkCount(file, Math.max(2, classIndex + (isVoid ? 0 : 1)));
                labels.put(name, isVoid ? LabelledImage.VOID : classIndex);
                labelOfIndex[index] = labels.get(name);
                if (isVoid) {
                    voidColour = row.rgb();
                    namesVoid = true;
                } else {
                    drawn.add(row.rgb());
                }
            }
            String other = nameOfColour.putIfAbsent(row.rgb(), name);
            if (other != null && !other.equals(name)) {
                throw new DataException(
                        file
                                + ": '"
                                + other
                                + "' and '"
                                + name
                                + "' have the same colour "
                                + text(row.rgb())
                                + "; give each class colours of its own");
            }
            labelOfColour.put(row.rgb(), labels.get(name));
        }
        labels.remove(VOID);
        checkCount(file, labels.size());
        if (!namesVoid) {
            labelOfIndex[VOID_LABEL] = LabelledImage.VOID;
        }
        return new SegmentationClasses(
                List.copyOf(labels.keySet()),
                drawn.stream().mapToInt(Integer::intValue).toArray(),
                voidColour,
                labelOfColour,
                namesVoid,
                labelOfIndex);
    }

    private static void checkCount(String what, int classes) {
        if (classes < 2 || classes > MOST_CLASSES) {
            throw new IllegalArgumentException(
                    what + ": " + classes + " classes: use 2 to " + MOST_CLASSES);
        }
    }

    private static int[] unknown() {
        int[] labels = new int[256];
        Arrays.fill(labels, UNKNOWN);
        return labels;
    }

    private static int[] indices(int classes, int voidLabel) {
        int[] labels = unknown();
        for (int c = 0; c < classes; c++) {
            labels[c] = c;
        }
        labels[voidLabel] = LabelledImage.VOID;
        return labels;
    }

    /**
     * {@return the same where another index marks void pixels in label images of indices} These
     * then count the classes alone. Where a class has that index, its pixels are void.
     *
     * @param index 0 to 255
     */
    public SegmentationClasses withVoidLabel(int index) {
        if (index < 0 || index > 255) {
            throw new IllegalArgumentException("void label = " + index + ": use 0 to 255");
        }
        return new SegmentationClasses(
                names, colours, voidColour, labelOfColour, namesVoid, indices(names.size(), index));
    }

    /** {@return one name per class, in the order of a network's logits} */
    public List<String> names() {
        return names;
    }

    /** {@return how many classes there are; void is none} */
    public int count() {
        return names.size();
    }

    /** {@return whether the colours are those of label images, which a table gave} */
    public boolean hasTable() {
        return table;
    }

    /**
     * {@return the colour that a class is drawn in, {@code 0xRRGGBB}}
     *
     * @param classIndex from 0 to below {@link #count}
     */
    public int colour(int classIndex) {
        return colours[Index.checked("classIndex", classIndex, count())];
    }

    /** {@return the colour that void pixels are drawn in, {@code 0xRRGGBB}} */
    public int voidColour() {
        return voidColour;
    }

    /** {@return what marks void pixels in label images of indices} */
    public int voidLabel() {
        return indexOf(LabelledImage.VOID);
    }

    /**
     * {@return what stands for a class in label images of indices}
     *
     * @param classIndex from 0 to below {@link #count}
     */
    public int index(int classIndex) {
        Index.checked("classIndex", classIndex, count());
        int index = indexOf(classIndex);
        return index < 0 ? classIndex : index; // of a class that is void
    }

    /** {@return what masks show the classes by} */
    public ClassPalette palette() {
        return new ClassPalette(
                Arrays.stream(colours).boxed().toList(),
                IntStream.range(0, count()).map(this::index).boxed().toList(),
                voidColour,
                voidLabel());
    }

    private int indexOf(int label) {
        for (int i = 0; i < labelOfIndex.length; i++) {
            if (labelOfIndex[i] == label) {
                return i;
            }
        }
        return UNKNOWN;
    }

    /** Class, {@link LabelledImage#VOID} or {@link #UNKNOWN} of an index of a label image. */
    int labelOfIndex(int index) {
        return labelOfIndex[index];
    }

    /** Class, {@link LabelledImage#VOID} or {@link #UNKNOWN} of a colour of a label image. */
    int labelOfColour(int rgb) {
        return labelOfColour.getOrDefault(rgb, namesVoid ? LabelledImage.VOID : UNKNOWN);
    }

    /** The label that the table gives to exactly this colour, or {@link #UNKNOWN}. */
    int tableLabel(int rgb) {
        return labelOfColour.getOrDefault(rgb, UNKNOWN);
    }

    /** A class in messages. */
    String described(int label) {
        return label == LabelledImage.VOID
                ? "void"
                : "class " + label + " '" + names.get(label) + "'";
    }

    /**
     * {@return names and the colours that classes are drawn in as a table that {@link #parse}
     * reads, void last where the table names it}
     */
    public String csv() {
        Csv csv = Csv.of("name", "r", "g", "b");
        for (int c = 0; c < count(); c++) {
            row(csv, names.get(c), colours[c]);
        }
        if (namesVoid) {
            row(csv, VOID, voidColour);
        }
        return csv.toString();
    }

    private static void row(Csv csv, String name, int rgb) {
        csv.row(name, rgb >> 16 & 0xFF, rgb >> 8 & 0xFF, rgb & 0xFF);
    }

    /** A colour in messages. */
    static String text(int rgb) {
        return "(" + (rgb >> 16 & 0xFF) + ", " + (rgb >> 8 & 0xFF) + ", " + (rgb & 0xFF) + ")";
    }

    /**
     * Colour {@code index} of the map that PASCAL VOC draws label images in: bits 0, 3, 6, ... of
     * the index are the red's from its highest down, bits 1, 4, 7 the green's, 2 and 5 the blue's
     * (VOCcolormap of its development kit).
     */
    private static int vocColour(int index) {
        int rgb = 0;
        for (int bit = 0; bit < 8; bit++) {
            int channel = bit % 3;
            int place = 7 - bit / 3;
            rgb |= (index >> bit & 1) << (place + 16 - 8 * channel);
        }
        return rgb;
    }
}
