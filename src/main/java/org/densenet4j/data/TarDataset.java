package org.densenet4j.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;

import org.densenet4j.io.OneLine;
import org.densenet4j.io.SmallText;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * Images in tar archives in the layout of WebDataset: files of one sample follow each other and
 * have one name up to the first dot, such as {@code 0001.jpg} and {@code 0001.cls}.
 *
 * <p>The label is the number or name in {@code .cls}, or what {@code .json} has as {@code label},
 * {@code cls} or {@code class}. When the set is opened, headers and labels are read; images stay in
 * the archives, and are read from there when they are asked for. A loader that shuffles takes the
 * archives in random order, and images of what is near each other, so that disks are read onwards.
 */
public final class TarDataset implements Dataset {
    private static final int MOST_LABEL = 1 << 20;
    private static final int MOST_NAMES = 1 << 24;
    private static final JsonFactory JSON = new JsonFactory();

    private final List<Path> shards;
    private final List<Integer> shardStarts;
    private final List<String> classNames;
    private final long[] offsets;
    private final int[] lengths;
    private final int[] labels;
    private final List<String> keys;
    private final CentreCrop crop;
    private final DecodeOptions decoding;

    private TarDataset(Listed listed, CentreCrop crop, DecodeOptions decoding) {
        this.shards = List.copyOf(listed.shards);
        this.shardStarts = List.copyOf(listed.starts);
        this.classNames = listed.classNames;
        this.offsets = listed.offsets.stream().mapToLong(Long::longValue).toArray();
        this.lengths = listed.lengths.stream().mapToInt(Integer::intValue).toArray();
        this.labels = listed.numbers;
        this.keys = List.copyOf(listed.keys);
        this.crop = crop;
        this.decoding = decoding;
    }

    /**
     * Opens archives.
     *
     * @param shards one or more, in the order of their images
     * @param crop what evaluation makes of an image
     * @param decoding how files are decoded
     * @param classes those of the training set, which labels index or name; null for those that are
     *     here: of numbers 0 to the largest, by the lines of {@code classes.txt} beside the first
     *     archive where there is one, and of names all in order
     * @return the data set
     * @throws DataException in one line that names the archive when one is missing or broken, or a
     *     sample has no image or no label that is known
     */
    public static TarDataset open(
            List<Path> shards,
            CentreCrop crop,
            DecodeOptions decoding,
            @Nullable List<String> classes)
            throws IOException {
        Objects.requireNonNull(crop, "crop");
        Objects.requireNonNull(decoding, "decoding");
        Listed listed = new Listed(WithoutNull.copy(shards, "shards"));
        for (Path shard : listed.shards) {
            listed.add(shard);
        }
        if (listed.keys.isEmpty()) {
            throw new DataException(
                    OneLine.listed(listed.shards.stream().map(Path::toString).toList())
                            + ": no images");
        }
        listed.number(classes);
        return new TarDataset(listed, crop, decoding);
    }

    /** What is in the archives. */
    private static final class Listed {
        final List<Path> shards;
        final List<Integer> starts = new ArrayList<>();
        final List<Long> offsets = new ArrayList<>();
        final List<Integer> lengths = new ArrayList<>();
        final List<String> keys = new ArrayList<>();
        final List<String> labels = new ArrayList<>();
        int[] numbers = {};
        List<String> classNames = List.of();

        Listed(List<Path> shards) {
            this.shards = shards;
        }

        void add(Path shard) throws IOException {
            if (!Files.isRegularFile(shard)) {
                throw new DataException(shard + ": no such file");
            }
            starts.add(keys.size());
            Sample sample = null;
            for (TarFile.Entry entry : TarFile.entries(shard)) {
                String name = entry.name();
                int dot = name.indexOf('.', name.lastIndexOf('/') + 1);
                if (dot <= name.lastIndexOf('/') + 1) {
                    continue; // hidden, or nothing that says what it is
                }
                String key = name.substring(0, dot);
                if (sample == null || !sample.key.equals(key)) {
                    add(shard, sample);
                    sample = new Sample(key);
                }
                sample.add(shard, name.substring(dot + 1).toLowerCase(Locale.ROOT), entry);
            }
            add(shard, sample);
        }

        private void add(Path shard, @Nullable Sample sample) throws IOException {
            if (sample == null) {
                return;
            }
            if (sample.image == null || sample.label == null) {
                throw new DataException(
                        shard
                                + ": the sample '"
                                + OneLine.shortened(sample.key)
                                + (sample.image == null
                                        ? "' has no image that is read (.jpg, .png, .webp, ...)"
                                        : "' has no label (.cls, or .json with label)"));
            }
            keys.add(sample.key);
            offsets.add(sample.image.offset());
            if (sample.image.size() > Integer.MAX_VALUE) {
                throw new DataException(
                        shard
                                + ": the image of the sample '"
                                + OneLine.shortened(sample.key)
                                + "' has "
                                + sample.image.size()
                                + " bytes, more than are read of one image");
            }
            lengths.add((int) sample.image.size());
            labels.add(sample.label.intern()); // few labels, many images
        }

        /** Numbers of the labels, and names of the classes. */
        void number(@Nullable List<String> known) throws IOException {
            boolean ofNumbers = labels.stream().allMatch(label -> label.matches("\\d{1,9}"));
            int most = 0;
            for (String label : labels) {
                most = ofNumbers ? Math.max(most, Integer.parseInt(label)) : 0;
            }
            classNames =
                    known != null
                            ? List.copyOf(known)
                            : ofNumbers ? named(most + 1) : List.copyOf(new TreeSet<>(labels));
            Map<String, Integer> index = new HashMap<>();
            for (int c = 0; c < classNames.size(); c++) {
                index.put(classNames.get(c), c);
            }
            numbers = new int[labels.size()];
            for (int i = 0; i < numbers.length; i++) {
                String label = labels.get(i);
                Integer number = ofNumbers ? Integer.valueOf(label) : index.get(label);
                if (number == null || number >= classNames.size()) {
                    throw new DataException(
                            shardOf(i)
                                    + ": the sample '"
                                    + OneLine.shortened(keys.get(i))
                                    + "' has the label "
                                    + OneLine.shortened(label)
                                    + ", which is none of "
                                    + classNames.size()
                                    + " classes");
                }
                numbers[i] = number;
            }
        }

        private Path shardOf(int index) {
            int shard = 0;
            while (shard + 1 < starts.size() && starts.get(shard + 1) <= index) {
                shard++;
            }
            return shards.get(shard);
        }

        private List<String> named(int count) throws IOException {
            Path file = shards.getFirst().resolveSibling("classes.txt");
            if (Files.isRegularFile(file)) {
                List<String> names =
                        SmallText.read(file, MOST_NAMES)
                                .lines()
                                .map(String::strip)
                                .filter(line -> !line.isEmpty())
                                .toList();
                if (names.size() < count) {
                    throw new DataException(
                            file
                                    + ": names "
                                    + names.size()
                                    + " classes, and there are labels up to "
                                    + (count - 1));
                }
                return names;
            }
            List<String> names = new ArrayList<>();
            for (int c = 0; c < count; c++) {
                names.add("class " + c);
            }
            return names;
        }
    }

    /** Files of one name. */
    private static final class Sample {
        final String key;
        TarFile.@Nullable Entry image;
        @Nullable String label;

        Sample(String key) {
            this.key = key;
        }

        void add(Path shard, String kind, TarFile.Entry entry) throws IOException {
            if (ImageFormat.isNamed("x." + kind) && kind.indexOf('.') < 0) {
                image = entry;
            } else if (kind.equals("cls") || kind.equals("json") && label == null) {
                String name = shard + ": " + OneLine.shortened(entry.name());
                if (entry.size() > MOST_LABEL) {
                    throw new DataException(name + ": has " + entry.size() + " bytes, too many");
                }
                byte[] content = TarFile.read(shard, entry.offset(), (int) entry.size());
                String text = new String(content, StandardCharsets.UTF_8).strip();
                String found = kind.equals("cls") ? text : ofJson(name, text);
                label = found == null ? label : found;
            }
        }

        private static @Nullable String ofJson(String name, String text) throws IOException {
            try (JsonParser json = JSON.createParser(text)) {
                if (json.nextToken() != JsonToken.START_OBJECT) {
                    throw new DataException(name + ": is no JSON object");
                }
                while (json.nextToken() == JsonToken.FIELD_NAME) {
                    String field = json.currentName();
                    JsonToken value = json.nextToken();
                    boolean plain =
                            value == JsonToken.VALUE_NUMBER_INT || value == JsonToken.VALUE_STRING;
                    if (plain && List.of("label", "cls", "class").contains(field)) {
                        return json.getText();
                    }
                    json.skipChildren();
                }
                return null;
            } catch (JsonProcessingException e) {
                throw new DataException(name + ": is broken JSON", e);
            }
        }
    }

    @Override
    public int size() {
        return labels.length;
    }

    @Override
    public int height() {
        return crop.height();
    }

    @Override
    public int width() {
        return crop.width();
    }

    @Override
    public int channels() {
        return crop.channels();
    }

    @Override
    public List<String> classNames() {
        return classNames;
    }

    @Override
    public int label(int index) {
        return labels[Index.checked("index", index, labels.length)];
    }

    /**
     * {@return the name of a sample: its files' without what follows the first dot}
     *
     * @param index of the image, from 0 to below {@link #size}
     */
    public String key(int index) {
        return keys.get(Index.checked("index", index, keys.size()));
    }

    @Override
    public List<Integer> shardStarts() {
        return shardStarts;
    }

    @Override
    public void read(int index, byte[] pixels) {
        Objects.requireNonNull(pixels, "pixels");
        byte[] cut = use(index, image -> crop.apply(image).pixels());
        System.arraycopy(cut, 0, pixels, 0, cut.length);
    }

    @Override
    public Image image(int index) {
        return image(index, image -> image);
    }

    @Override
    public <T> T image(int index, Function<Image, T> use) {
        Objects.requireNonNull(use, "use");
        return use(index, image -> use.apply(image.inChannels(crop.channels())));
    }

    private <T> T use(int index, Function<Image, T> use) {
        Index.checked("index", index, labels.length);
        int shard = Collections.binarySearch(shardStarts, index);
        // Of archives without images the last one of a place has the image.
        int last = shard >= 0 ? shard : -shard - 2;
        while (last + 1 < shardStarts.size() && shardStarts.get(last + 1) <= index) {
            last++;
        }
        Path file = shards.get(last);
        try {
            byte[] content = TarFile.read(file, offsets[index], lengths[index]);
            return ImageFile.decode(file + ": " + keys.get(index), content, decoding, use);
        } catch (IOException e) {
            throw FolderGoneException.unchecked(file, e);
        }
    }

    @Override
    public boolean exifOrientation() {
        return decoding.exifOrientation();
    }

    @Override
    public Optional<Resizing> resizing() {
        return crop.resizing().ifUnusual();
    }
}
