package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;

/**
 * Images and boxes as COCO writes them: one JSON file with {@code images}, {@code annotations} and
 * {@code categories}, such as {@code instances_val2017.json}, and a folder of images. Labels are in
 * the order of the categories' numbers, which have gaps in COCO. Boxes without area, which COCO has
 * some of, are left out; segmentations are not looked at.
 */
public final class CocoFile implements DetectionDataset {
    /** The classes of COCO 2014 and 2017, in the order of their numbers. */
    public static final List<String> CLASSES =
            List.of(
                    ("""
                    person, bicycle, car, motorcycle, airplane, bus, train, truck, boat,
                    traffic light, fire hydrant, stop sign, parking meter, bench, bird,
                    cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack,
                    umbrella, handbag, tie, suitcase, frisbee, skis, snowboard,
                    sports ball, kite, baseball bat, baseball glove, skateboard,
                    surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon,
                    bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog,
                    pizza, donut, cake, chair, couch, potted plant, bed, dining table,
                    toilet, tv, laptop, mouse, remote, keyboard, cell phone, microwave,
                    oven, toaster, sink, refrigerator, book, clock, vase, scissors,
                    teddy bear, hair drier, toothbrush
                    """)
                            .strip()
                            .split(",\\s+"));

    /** An image and what is in it. */
    private record Entry(long id, Path image, int width, int height, List<LabelledBox> objects) {}

    private final Path file;
    private final List<Entry> entries;
    private final List<CocoTables.Category> categories;
    private final DecodeOptions decoding;

    private CocoFile(
            Path file,
            List<Entry> entries,
            List<CocoTables.Category> categories,
            DecodeOptions decoding) {
        this.file = file;
        this.entries = entries;
        this.categories = categories;
        this.decoding = decoding;
    }

    /**
     * Reads the annotations; images are decoded when they are read.
     *
     * @param file of JSON
     * @param images folder of the images that it names
     * @return its images, also those without objects
     * @throws IOException in one line when the file is missing, no such JSON, or does not fit
     *     itself
     */
    public static CocoFile open(Path file, Path images) throws IOException {
        Objects.requireNonNull(file, "file");
        Objects.requireNonNull(images, "images");
        CocoTables tables = CocoTables.read(file);
        List<CocoTables.Category> categories =
                tables.categories().stream()
                        .sorted(Comparator.comparingLong(CocoTables.Category::id))
                        .toList();
        Map<Long, Integer> labels = new HashMap<>();
        for (CocoTables.Category category : categories) {
            if (labels.put(category.id(), labels.size()) != null) {
                throw new DataException(
                        file + ": the category " + category.id() + " is there twice");
            }
        }
        Map<Long, Entry> byId = new HashMap<>();
        List<Entry> entries = new ArrayList<>();
        for (CocoTables.ImageRow row : tables.images()) {
            Entry entry =
                    new Entry(
                            row.id(),
                            AnnotatedFile.named(file.toString(), images, row.fileName()),
                            row.width(),
                            row.height(),
                            new ArrayList<>());
            if (byId.put(row.id(), entry) != null) {
                throw new DataException(file + ": the image " + row.id() + " is there twice");
            }
            entries.add(entry);
        }
        if (entries.isEmpty() || categories.isEmpty()) {
            throw new DataException(
                    file + ": has no " + (entries.isEmpty() ? "images" : "categories"));
        }
        for (CocoTables.Annotation annotation : tables.annotations()) {
            addObject(file, annotation, byId.get(annotation.image()), labels);
        }
        return new CocoFile(file, entries, categories, DecodeOptions.DEFAULT);
    }

    private static void addObject(
            Path file,
            CocoTables.Annotation annotation,
            @Nullable Entry image,
            Map<Long, Integer> labels)
            throws DataException {
        String what = file + ": annotation " + annotation.id();
        Integer label = labels.get(annotation.category());
        if (image == null) {
            throw new DataException(
                    what
                            + " is of image "
                            + annotation.image()
                            + ", which is not among the images");
        }
        if (label == null) {
            throw new DataException(
                    what
                            + " is of category "
                            + annotation.category()
                            + ", which is not among the categories");
        }
        double[] b = annotation.box();
        if (b[2] < 0 || b[3] < 0) {
            throw new DataException(what + ": its box is " + b[2] + " wide and " + b[3] + " high");
        }
        Box box =
                BoxFile.within(
                        what, b[0], b[1], b[0] + b[2], b[1] + b[3], image.width, image.height);
        if (box != null) {
            double area = Double.isNaN(annotation.area()) ? box.area() : annotation.area();
            image.objects.add(new LabelledBox(box, label, false, annotation.crowd(), area));
        }
    }

    /**
     * {@return the same images, decoded in another way}
     *
     * @param options how large they may be, and whether they are turned upright, where boxes were
     *     drawn on upright images
     */
    public CocoFile decoding(DecodeOptions options) {
        return new CocoFile(file, entries, categories, Objects.requireNonNull(options, "options"));
    }

    /**
     * {@return the number of an image in the file, which results name it by}
     *
     * @param index of the image, from 0 to below {@link #size}
     */
    public long imageId(int index) {
        return entries.get(Index.checked("index", index, size())).id;
    }

    /**
     * {@return the number of a class in the file, which results name it by}
     *
     * @param label of the class, from 0
     */
    public long categoryId(int label) {
        return categories.get(Index.checked("label", label, categories.size())).id();
    }

    @Override
    public int size() {
        return entries.size();
    }

    @Override
    public int channels() {
        return 3;
    }

    @Override
    public List<String> classNames() {
        return categories.stream().map(CocoTables.Category::name).toList();
    }

    @Override
    public String name(int index) {
        return entries.get(Index.checked("index", index, size())).image.toString();
    }

    @Override
    public boolean exifOrientation() {
        return decoding.exifOrientation();
    }

    @Override
    public <T> T read(int index, Function<AnnotatedImage, T> use) {
        Objects.requireNonNull(use, "use");
        Entry entry = entries.get(Index.checked("index", index, size()));
        return AnnotatedFile.read(
                entry.image,
                decoding,
                file.toString(),
                entry.width,
                entry.height,
                entry.objects,
                use);
    }
}
