package org.densenet4j.data;

import org.densenet4j.io.OneLine;
import org.densenet4j.io.SmallText;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * Images and boxes in the folders of PASCAL VOC: {@code ImageSets/Main/SET.txt} names the images,
 * {@code Annotations} has an XML file of each ({@link VocAnnotation}), {@code JPEGImages} the
 * image.
 */
public final class VocFolder implements DetectionDataset {
    /** The classes of VOC2007 to VOC2012, in their order. */
    public static final List<String> CLASSES =
            List.of(
                    "aeroplane",
                    "bicycle",
                    "bird",
                    "boat",
                    "bottle",
                    "bus",
                    "car",
                    "cat",
                    "chair",
                    "cow",
                    "diningtable",
                    "dog",
                    "horse",
                    "motorbike",
                    "person",
                    "pottedplant",
                    "sheep",
                    "sofa",
                    "train",
                    "tvmonitor");

    /** An image and what is in it. */
    private record Entry(
            Path image, Path annotation, int width, int height, List<LabelledBox> objects) {}

    private final List<Entry> entries;
    private final List<String> classNames;
    private final DecodeOptions decoding;

    private VocFolder(List<Entry> entries, List<String> classNames, DecodeOptions decoding) {
        this.entries = entries;
        this.classNames = classNames;
        this.decoding = decoding;
    }

    /**
     * Reads the annotations of a set; images are decoded when they are read.
     *
     * @param folder such as {@code VOCdevkit/VOC2007}
     * @param set such as {@code trainval}
     * @param classNames of all objects, in the order that labels get; {@link #CLASSES} for VOC
     * @return the images of the set
     * @throws IOException in one line when a file is missing, does not fit its image, or has an
     *     object of another class
     */
    public static VocFolder open(Path folder, String set, List<String> classNames)
            throws IOException {
        Objects.requireNonNull(folder, "folder");
        Objects.requireNonNull(set, "set");
        List<String> names =
                WithoutNull.copy(Objects.requireNonNull(classNames, "classNames"), "classNames");
        Path list = list(folder, set);
        List<Entry> entries = new ArrayList<>();
        for (String id : ids(list)) {
            entries.add(entry(folder, list, id, names));
        }
        return new VocFolder(entries, names, DecodeOptions.DEFAULT);
    }

    /**
     * {@return the names of the classes that occur in a set, in the order of the alphabet, which is
     * that of {@link #CLASSES}}
     *
     * @param folder such as {@code VOCdevkit/VOC2007}
     * @param set such as {@code trainval}
     * @throws IOException in one line when a file is missing or broken
     */
    public static List<String> classNames(Path folder, String set) throws IOException {
        Objects.requireNonNull(folder, "folder");
        Objects.requireNonNull(set, "set");
        Path list = list(folder, set);
        Set<String> names = new TreeSet<>();
        for (String id : ids(list)) {
            VocAnnotation annotation = VocAnnotation.read(annotationFile(folder, list, id));
            annotation.objects().forEach(object -> names.add(object.name()));
        }
        return List.copyOf(names);
    }

    private static Path list(Path folder, String set) throws DataException {
        Path list = folder.resolve("ImageSets").resolve("Main").resolve(set + ".txt");
        if (!Files.isRegularFile(list)) {
            throw new DataException(
                    list
                            + ": no such file; a VOC folder has ImageSets/Main/SET.txt, Annotations"
                            + " and JPEGImages");
        }
        return list;
    }

    /** The list of a class has a second column, which annotations tell, too. */
    private static List<String> ids(Path list) throws IOException {
        List<String> ids =
                SmallText.read(list)
                        .lines()
                        .map(String::strip)
                        .filter(line -> !line.isEmpty())
                        .map(line -> line.split("\\s+")[0])
                        .toList();
        if (ids.isEmpty()) {
            throw new DataException(list + ": names no image");
        }
        return ids;
    }

    private static Path annotationFile(Path folder, Path list, String id) throws DataException {
        return AnnotatedFile.named(list.toString(), folder.resolve("Annotations"), id + ".xml");
    }

    private static Entry entry(Path folder, Path list, String id, List<String> names)
            throws IOException {
        Path file = annotationFile(folder, list, id);
        VocAnnotation annotation = VocAnnotation.read(file);
        List<LabelledBox> objects = new ArrayList<>();
        for (VocAnnotation.Named object : annotation.objects()) {
            int label = names.indexOf(object.name());
            if (label < 0) {
                throw new DataException(
                        file
                                + ": the class '"
                                + OneLine.shortened(object.name())
                                + "' is not among "
                                + OneLine.listed(names));
            }
            objects.add(
                    new LabelledBox(
                            object.box(), label, object.difficult(), false, object.box().area()));
        }
        return new Entry(
                image(file, folder.resolve("JPEGImages"), id, annotation),
                file,
                annotation.width(),
                annotation.height(),
                objects);
    }

    /** The file of the image's number, or of the name that its annotation says. */
    private static Path image(Path file, Path images, String id, VocAnnotation annotation)
            throws DataException {
        Path numbered = images.resolve(id + ".jpg");
        if (Files.isRegularFile(numbered) || annotation.imageName().isEmpty()) {
            return numbered;
        }
        return AnnotatedFile.named(file.toString(), images, annotation.imageName());
    }

    /**
     * {@return the same images, decoded in another way}
     *
     * @param options how large they may be, and whether they are turned upright, where boxes were
     *     drawn on upright images
     */
    public VocFolder decoding(DecodeOptions options) {
        return new VocFolder(entries, classNames, Objects.requireNonNull(options, "options"));
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
        return classNames;
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
                entry.annotation.toString(),
                entry.width,
                entry.height,
                entry.objects,
                use);
    }
}
