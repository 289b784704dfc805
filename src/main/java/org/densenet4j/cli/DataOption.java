package org.densenet4j.cli;

import org.densenet4j.data.CentreCrop;
import org.densenet4j.data.Cifar;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.ImageFile;
import org.densenet4j.data.ImageFolder;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Mnist;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.RelabelledDataset;
import org.densenet4j.data.Resizing;
import org.densenet4j.data.SegmentationFolder;
import org.densenet4j.data.StratifiedSplit;
import org.densenet4j.data.TarDataset;
import org.densenet4j.data.Task;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.inference.ImagePreparation;
import org.densenet4j.spec.LabelKind;
import org.densenet4j.train.Recipe;
import org.densenet4j.train.TrainingRun;

import picocli.CommandLine.IModelTransformer;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Options that choose the data. */
final class DataOption {
    private static final Path GLYPHS = Path.of("runs", "glyphs");
    private static final int GLYPHS_TRAIN = 6_000;
    private static final int GLYPHS_TEST = 1_000;
    private static final String CIFAR10 = "cifar10:";
    private static final String CIFAR100 = "cifar100:";
    private static final String MNIST = "mnist:";
    private static final String FASHION_MNIST = "fashion-mnist:";
    private static final String FOLDER = "folder:";
    private static final String SHAPES = "shapes";
    private static final String CAMVID = "camvid:";
    private static final String SCENES = "scenes";
    private static final String VOC = "voc:";
    private static final String COCO = "coco:";

    /** Sources with a class for each image. */
    private static final String OF_IMAGES =
            "glyphs (generated), cifar10:DIR or cifar100:DIR with the original files,"
                    + " mnist:DIR or fashion-mnist:DIR with their IDX files, or folder:DIR with"
                    + " train/CLASS/ and val/CLASS/ (or valid, validation, test) folders of images,"
                    + " or tar:GLOB or tar:DIR with archives in the layout of WebDataset"
                    + " (default: glyphs)";

    /** Published sets with a class for each image. */
    private static final List<String> PUBLISHED = List.of(CIFAR10, CIFAR100, MNIST, FASHION_MNIST);

    /** What to do about an image that cannot be read. */
    enum OnBroken {
        SKIP,
        STOP
    }

    @Option(
            names = "--data",
            paramLabel = "SOURCE",
            description =
                    OF_IMAGES
                            + "; where pixels are classified shapes (generated), camvid:DIR, or"
                            + " folder:DIR with images and label images in train/ and trainannot/,"
                            + " val/ and valannot/, or images/train/ and labels/train/, ..."
                            + " (default: shapes); where objects are found scenes (generated),"
                            + " voc:DIR with a folder such as VOCdevkit/VOC2007 or VOCdevkit, or"
                            + " coco:DIR with annotations/instances_SET.json and images in SET"
                            + " (default: scenes)")
    private String data;

    private LabelKind kind = LabelKind.OF_IMAGES;
    private Resizing resizing = Resizing.DEFAULT;

    @Option(
            names = "--glyphs",
            paramLabel = "N",
            description =
                    "generated training images, with --data glyphs (default: " + GLYPHS_TRAIN + ")")
    private Integer glyphs;

    private int rememberedGlyphs = GLYPHS_TRAIN;

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

    @Mixin private ExifOrientationOption orientation;
    @Mixin private LabelsOption labels;

    private Task task = Task.CLASSIFY;

    /** What weights that training starts from, or a trained network, say of their images. */
    private ImageMetadata known = ImageMetadata.NONE;

    @Mixin private ValShareOption valShare;
    @Mixin private ThresholdShareOption thresholdShare;

    @Mixin private TarSource tars;

    @Option(
            names = "--loader-threads",
            paramLabel = "N",
            defaultValue = "0",
            description = "threads that read images (default: one per processor for files, else 1)")
    private int loaderThreads;

    /** For picocli. */
    DataOption() {}

    /** Makes the help of a command that classifies images alone name no sources of pixels. */
    static final class OfImages implements IModelTransformer {
        /** For picocli. */
        OfImages() {}

        @Override
        public CommandSpec transform(CommandSpec command) {
            OptionSpec all = command.findOption("--data");
            command.remove(all);
            return command.addOption(all.toBuilder().description(OF_IMAGES).build());
        }
    }

    /**
     * Images to train on and to test on.
     *
     * @param normalisation of all images
     * @param augment what suits them when no recipe says
     */
    record Source(Dataset train, Dataset test, Normalisation normalisation, Recipe.Augment augment)
            implements TrainingSource {
        @Override
        public int trainingImages() {
            return train.size();
        }

        @Override
        public int testImages() {
            return test.size();
        }

        @Override
        public List<String> classNames() {
            return train.classNames();
        }

        @Override
        public ImageSize size() {
            return new ImageSize(train.height(), train.width());
        }

        @Override
        public void give(TrainingRun run) {
            run.data(train, test, normalisation);
        }

        /** With another normalisation. */
        Source normalised(Normalisation value) {
            return new Source(train, test, value, augment);
        }

        @Override
        public Source ofClasses(List<String> names) {
            Source matched =
                    new Source(
                            RelabelledDataset.of(train, names),
                            RelabelledDataset.of(test, names),
                            normalisation,
                            augment);
            if (train.task().isOfVectors()) {
                return matched; // outputs without a target are left as they are
            }
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
     * @param network what images of any size are prepared for; its classes do not matter
     * @param recorded what the weights that training starts from say of their images
     * @throws IllegalArgumentException when there is no such source
     */
    Source open(NetworkSpec network, ImageMetadata recorded) throws IOException {
        check();
        follow(recorded);
        known = recorded;
        Source all = open(network);
        return new Source(
                thresholdShare.training(all.train()),
                all.test(),
                all.normalisation(),
                all.augment());
    }

    /**
     * Opens the training images that training left to thresholds.
     *
     * @param network what images of any size are prepared for
     * @param recorded what the network's weights say of their images
     * @throws IllegalArgumentException when it left none
     */
    Dataset openForThresholds(NetworkSpec network, ImageMetadata recorded) throws IOException {
        check();
        follow(recorded);
        known = recorded;
        resizing = recorded.resizing().orElse(Resizing.DEFAULT);
        return thresholdShare.ofThresholds(open(network).train());
    }

    /** How images of folders become the network's input. */
    void resizing(Resizing value) {
        resizing = value;
    }

    /** Turns images upright, or not, as the weights record it where no option says so. */
    void follow(ImageMetadata recorded) {
        orientation.set(orientation.or(recorded));
    }

    /** The source as the user names it. */
    String text() {
        if (data != null) {
            return data;
        }
        return switch (kind) {
            case OF_IMAGES -> "glyphs";
            case OF_PIXELS -> SHAPES;
            case BOXES -> SCENES;
        };
    }

    /**
     * Says what the network is trained on, which decides what the default is and what folders hold.
     *
     * @param network its name
     * @throws IllegalArgumentException when the source has labels of the other kind
     */
    void labels(LabelKind value, String network) {
        kind = value;
        boolean pixels = kind == LabelKind.OF_PIXELS;
        if ((kind == LabelKind.BOXES) != hasBoxes()) {
            throw new IllegalArgumentException(
                    "--data "
                            + data
                            + (hasBoxes()
                                    ? " has boxes around objects, and "
                                    : " has no boxes around objects, and ")
                            + network
                            + " "
                            + kind.network()
                            + (hasBoxes()
                                    ? "; use a DSOD, such as --model dsod300, or other data"
                                    : "; use scenes, voc:DIR or coco:DIR, or another --model"));
        }
        if (pixels && isOfImages()) {
            throw new IllegalArgumentException(
                    "--data "
                            + data
                            + " has one label for each image, and "
                            + network
                            + " classifies pixels; use shapes, camvid:DIR or folder:DIR with images"
                            + " and label images, or another --model");
        }
        if (kind == LabelKind.OF_IMAGES && hasLabelsOfPixels()) {
            throw new IllegalArgumentException(
                    "--data "
                            + data
                            + " has a label for each pixel, and "
                            + network
                            + " classifies images; use an FC-DenseNet, such as --model"
                            + " fc-densenet56, or other data");
        }
    }

    /**
     * Says what whole images are labelled with.
     *
     * @throws IllegalArgumentException when the options for labels do not fit that
     */
    void labelledFor(Task value) {
        task = value;
        labels.check(value, this);
    }

    /** Whether the source is a folder of images. */
    boolean isFolder() {
        return text().startsWith(FOLDER);
    }

    /** Whether images are decoded from files, alone or in archives. */
    boolean isOfFiles() {
        return isFolder() || isTar();
    }

    private boolean isOfImages() {
        String text = text();
        return text.equals("glyphs") || PUBLISHED.stream().anyMatch(text::startsWith);
    }

    /** Whether the name of the source says that pixels have labels. */
    boolean hasLabelsOfPixels() {
        return text().equals(SHAPES) || isCamvid();
    }

    /** Whether the name of the source says that it has boxes around objects. */
    boolean hasBoxes() {
        return isScenes() || isVoc() || text().startsWith(COCO);
    }

    /** Whether it is, or would be by default, generated: with labels of pixels, or with boxes. */
    boolean isGenerated() {
        return data == null || data.equals(SHAPES) || data.equals(SCENES);
    }

    boolean isScenes() {
        return text().equals(SCENES);
    }

    boolean isVoc() {
        return text().startsWith(VOC);
    }

    /** The folder of images with boxes, where they are not generated. */
    Path boxedFolder() {
        return path(isVoc() ? VOC : COCO);
    }

    /** Whether opening the source writes its images where they are missing. */
    boolean isMade() {
        return text().equals("glyphs") || text().equals(SHAPES);
    }

    boolean isCamvid() {
        return text().startsWith(CAMVID);
    }

    /**
     * The folder of images with label images.
     *
     * @throws IllegalArgumentException when the source is none
     */
    Path folder() {
        if (isCamvid()) {
            return path(CAMVID);
        }
        if (text().startsWith(FOLDER)) {
            return path(FOLDER);
        }
        throw new IllegalArgumentException(
                "no data source '" + data + "'; use shapes, camvid:DIR or folder:DIR");
    }

    long maxPixels() {
        return maxPixels;
    }

    private int glyphs() {
        return glyphs != null ? glyphs : rememberedGlyphs;
    }

    /**
     * Before anything is opened. An empty name is the current folder for Java, and an unset
     * variable for a shell.
     */
    void check() {
        String data = text();
        if (glyphs != null && !data.equals("glyphs")) {
            throw new IllegalArgumentException("--glyphs is for --data glyphs, not for " + data);
        }
        thresholdShare.check();
        valShare.check((data.startsWith(FOLDER) && !labels.isGiven()) || isTar());
        tars.check(isTar());
        List<String> kinds = new ArrayList<>(PUBLISHED);
        kinds.addAll(List.of(FOLDER, CAMVID, TarSource.KIND, VOC, COCO));
        for (String kind : kinds) {
            if (data.startsWith(kind) && data.substring(kind.length()).isBlank()) {
                throw new IllegalArgumentException(
                        "--data " + kind + " names no folder; the current one is " + kind + ".");
            }
        }
    }

    private Source open(NetworkSpec network) throws IOException {
        String data = text();
        if (data.equals("glyphs")) {
            Path folder = ofCount(GLYPHS, glyphs(), GLYPHS_TRAIN);
            Glyphs.generate(folder, glyphs(), GLYPHS_TEST, 1);
            Cifar set = Cifar.cifar10(folder);
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
        if (data.startsWith(MNIST)) {
            // A mirrored digit is none.
            return of(Mnist.digits(path(MNIST)), Recipe.Augment.SHIFT);
        }
        if (data.startsWith(FASHION_MNIST)) {
            return of(Mnist.fashion(path(FASHION_MNIST)), Recipe.Augment.CIFAR);
        }
        if (data.startsWith(FOLDER)) {
            return openFolder(network);
        }
        if (isTar()) {
            return openTars(network);
        }
        throw new IllegalArgumentException(
                "no data source '"
                        + data
                        + "'; use glyphs, cifar10:DIR, cifar100:DIR, mnist:DIR,"
                        + " fashion-mnist:DIR, folder:DIR or tar:GLOB");
    }

    private static Source of(Mnist set, Recipe.Augment augment) {
        return new Source(set.train(), set.test(), Normalisation.of(set.train()), augment);
    }

    private Source openTable(NetworkSpec network, ImageMetadata recorded) throws IOException {
        int channels = network.inputChannels();
        LabelsOption.Opened opened = labels.open(path(FOLDER), task, crop(network), decoding());
        return new Source(
                opened.training(),
                opened.heldOut(),
                recorded.normalisation()
                        .filter(n -> n.mean().length == channels)
                        .orElseGet(() -> Normalisation.IMAGENET.inChannels(channels)),
                Recipe.Augment.IMAGENET);
    }

    private CentreCrop crop(NetworkSpec network) {
        return ImagePreparation.crop(network).resizing(resizing);
    }

    private DecodeOptions decoding() {
        return new DecodeOptions(maxPixels, exifOrientation());
    }

    private Source openFolder(NetworkSpec network) throws IOException {
        if (labels.isGiven()) {
            return openTable(network, known);
        }
        HeldOutFolder layout = new HeldOutFolder(text().substring(FOLDER.length()));
        try {
            if (valShare.isOn()) {
                StratifiedSplit split = split(layout, network);
                return ofFolder(split.train(), split.heldOut());
            }
            Path heldOut = layout.heldOut();
            layout.tellUnused(heldOut);
            ImageFolder train = folder(layout.trainingBeside(heldOut), network).open();
            ImageFolder test = folder(heldOut, network).classes(train.classNames()).open();
            tellLeftOut(layout.training(), train);
            tellLeftOut(heldOut, test);
            return ofFolder(train, test);
        } catch (IOException e) {
            if (SegmentationFolder.subsets(path(FOLDER)).isEmpty()) {
                throw e;
            }
            throw new IOException(
                    e.getMessage() + "; it has label images, which --task segment trains on", e);
        }
    }

    private boolean isTar() {
        return text().startsWith(TarSource.KIND);
    }

    private Source openTars(NetworkSpec network) throws IOException {
        String name = text().substring(TarSource.KIND.length());
        TarDataset all = tars(tars.training(name), network, null);
        if (valShare.isOn()) {
            StratifiedSplit split = valShare.split(Path.of(name), all, all::key);
            return ofFolder(split.train(), split.heldOut());
        }
        if (!tars.hasHeldOut(name)) {
            throw new IOException(
                    "--data "
                            + text()
                            + " names no archives to test on; add --val-shards GLOB, or --val-share"
                            + " 0.1 to hold a tenth of each class out");
        }
        return ofFolder(all, tars(tars.heldOut(name), network, all.classNames()));
    }

    /** Archives that are named, and no others to test on, are the test. */
    private Dataset openTestTars(NetworkSpec network) throws IOException {
        String name = text().substring(TarSource.KIND.length());
        return valShare.isOn()
                ? openTars(network).test()
                : tars(
                        tars.hasHeldOut(name) ? tars.heldOut(name) : tars.training(name),
                        network,
                        null);
    }

    private TarDataset tars(List<Path> shards, NetworkSpec network, List<String> classes)
            throws IOException {
        return TarDataset.open(shards, crop(network), decoding(), classes);
    }

    private static Source ofFolder(Dataset train, Dataset test) {
        return new Source(
                train,
                test,
                Normalisation.IMAGENET.inChannels(train.channels()),
                Recipe.Augment.IMAGENET);
    }

    private StratifiedSplit split(HeldOutFolder layout, NetworkSpec network) throws IOException {
        Path root = layout.withoutHeldOut();
        ImageFolder images = folder(root, network).open();
        tellLeftOut(root, images);
        return valShare.split(root, images);
    }

    /** Holds the images out that the run of some weights held out, where no option says which. */
    void followRun(Map<String, String> notes) {
        valShare.follow(notes);
        thresholdShare.follow(notes);
        if (labels.isGiven()) {
            labels.follow(notes);
        }
    }

    /**
     * Opens the test images alone: a folder without training images will do, whose classes are then
     * those that it has.
     *
     * @param network what images of any size are prepared for
     * @param recorded what the network's weights say of their images
     * @param part of a table of labels, such as {@code test}; empty for what is held out
     */
    Dataset openTest(NetworkSpec network, ImageMetadata recorded, String part) throws IOException {
        check();
        follow(recorded);
        known = recorded;
        resizing = recorded.resizing().orElse(Resizing.DEFAULT);
        if (isTar()) {
            return openTestTars(network);
        }
        if (labels.isGiven()) {
            return labels.openTest(
                    path(FOLDER),
                    task,
                    part,
                    recorded.classNames().orElse(List.of()),
                    crop(network),
                    decoding());
        }
        if (!part.isEmpty()) {
            throw new IllegalArgumentException(
                    "--subset is for networks that classify pixels and for --labels FILE.csv;"
                            + " leave it out");
        }
        if (!text().startsWith(FOLDER)) {
            return open(network).test();
        }
        HeldOutFolder layout = new HeldOutFolder(data.substring(FOLDER.length()));
        if (valShare.isOn()) {
            return split(layout, network).heldOut();
        }
        Path heldOut = layout.heldOut();
        layout.tellUnused(heldOut);
        ImageFolder.Builder test = folder(heldOut, network);
        if (layout.hasTraining()) {
            test.classes(folder(layout.training(), network).open().classNames());
        }
        ImageFolder opened = test.open();
        tellLeftOut(heldOut, opened);
        return opened;
    }

    private Path path(String prefix) {
        return Path.of(text().substring(prefix.length()));
    }

    private ImageFolder.Builder folder(Path folder, NetworkSpec network) {
        return ImageFolder.at(folder).crop(crop(network)).decoding(decoding());
    }

    private static void tellLeftOut(Path folder, ImageFolder images) {
        ImagesOption.tellLeftOut(folder, images.leftOut());
    }

    /** Whether images are turned upright, once the data was opened. */
    boolean exifOrientation() {
        return orientation.or(ImageMetadata.NONE);
    }

    /** The folders that are read. */
    List<Path> inputs() {
        String data = text();
        int colon = data.indexOf(':');
        if (isTar() && !Files.isDirectory(Path.of(data.substring(colon + 1)))) {
            Path folder = Path.of(data.substring(colon + 1)).getParent();
            return List.of(folder == null ? Path.of("") : folder);
        }
        if (isScenes()) {
            return List.of();
        }
        List<Path> inputs = new ArrayList<>(labels.inputs());
        inputs.add(
                colon >= 0
                        ? Path.of(data.substring(colon + 1))
                        : ofCount(GLYPHS, glyphs(), GLYPHS_TRAIN));
        return inputs;
    }

    /**
     * The folder of generated images. Sets of another size are apart from the usual one: a run that
     * goes on would be left without its images.
     */
    static Path ofCount(Path folder, int images, int usual) {
        return images == usual
                ? folder
                : folder.resolveSibling(folder.getFileName() + "-" + images);
    }

    boolean skipsBroken() {
        return onBroken == OnBroken.SKIP;
    }

    int loaderThreads() {
        return loaderThreads != 0
                ? loaderThreads
                : kind == LabelKind.OF_PIXELS || isOfFiles() || isVoc() || text().startsWith(COCO)
                        ? Runtime.getRuntime().availableProcessors()
                        : 1;
    }

    /** What a run has to remember of these options; folders become absolute. */
    Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>();
        String data = text();
        int colon = data.indexOf(':');
        settings.put(
                "data",
                colon < 0
                        ? data
                        : data.substring(0, colon + 1)
                                + Path.of(data.substring(colon + 1)).toAbsolutePath().normalize());
        settings.put("glyphs", String.valueOf(glyphs()));
        settings.put("on-broken", onBroken.name().toLowerCase(Locale.ROOT));
        settings.put("max-pixels", String.valueOf(maxPixels));
        settings.put(ExifOrientationOption.NAME, String.valueOf(exifOrientation()));
        settings.put("loader-threads", String.valueOf(loaderThreads));
        settings.putAll(labels.settings());
        settings.putAll(valShare.settings());
        settings.putAll(thresholdShare.settings());
        settings.putAll(tars.settings());
        return settings;
    }

    /** Takes back what {@link #settings} told. */
    void restore(RememberedSettings settings) {
        settings.text("data", saved -> data = saved);
        settings.number("glyphs", Integer::parseInt, saved -> rememberedGlyphs = saved);
        settings.text("on-broken", saved -> onBroken = onBroken(saved));
        settings.number("max-pixels", Long::parseLong, saved -> maxPixels = saved);
        settings.flag(ExifOrientationOption.NAME, orientation::set);
        settings.number("loader-threads", Integer::parseInt, saved -> loaderThreads = saved);
        labels.restore(settings);
        valShare.restore(settings);
        thresholdShare.restore(settings);
        tars.restore(settings);
    }

    private static OnBroken onBroken(String text) {
        for (OnBroken value : OnBroken.values()) {
            if (value.name().equalsIgnoreCase(text)) {
                return value;
            }
        }
        throw new IllegalArgumentException("on-broken = " + text + ": use skip or stop");
    }
}
