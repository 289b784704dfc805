package org.densenet4j.api;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Augmentation;
import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.CentreCrop;
import org.densenet4j.data.Cifar;
import org.densenet4j.data.ClassMask;
import org.densenet4j.data.ColourJitter;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageFolder;
import org.densenet4j.data.LabelCounts;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.RandomResizedCrop;
import org.densenet4j.data.SegmentationClasses;
import org.densenet4j.data.SegmentationLoader;
import org.densenet4j.data.SegmentationScores;
import org.densenet4j.data.Shapes;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.Window;
import org.densenet4j.inference.EmbeddingsWriter;
import org.densenet4j.insight.BlockReuse;
import org.densenet4j.io.Csv;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.profile.PolynomialFit;
import org.densenet4j.profile.StepTrace;
import org.densenet4j.profile.WarmedSteps;
import org.densenet4j.report.Figure;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.ResNetSpec;
import org.densenet4j.testing.FilledImages;
import org.densenet4j.testing.Refusals;
import org.densenet4j.train.LearningRateSchedule;
import org.densenet4j.train.Rmsprop;
import org.densenet4j.train.Sgd;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Arguments that cannot be meant are refused in one line that says what can. */
class WrongArgumentsTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(10, 4).classes(2).inputSize(8, 8).build();
    private static final Image PIXEL = new Image(1, 1, 3, new byte[3]);

    @TempDir private Path folder;
    private Refusals refusals;

    @BeforeEach
    void refusals() {
        refusals = new Refusals(folder);
    }

    @Test
    void devicesAndPlans() throws Exception {
        try (Device device = Device.cpu()) {
            refusals.refuses(
                    "DeviceException: 'cuda:x' is no device; write for example cuda:0 or cpu",
                    () -> Device.open("cuda:x", DeviceOptions.defaults()));
            refusals.refuses(
                    "IllegalArgumentException: device index = -1: use 0 or more",
                    () -> Device.open("cpu:-1", DeviceOptions.defaults()));
            refusals.refuses(
                    "IllegalArgumentException: device index = -1: use 0 or more",
                    () -> Device.cuda(-1));
            refusals.refuses(
                    "IllegalArgumentException: threads = -1: use 1 to 1024, or 0 for one per processor",
                    () -> DeviceOptions.defaults().withThreads(-1));
            refusals.refuses(
                    "IllegalArgumentException: chunk factor = NaN: use a number above 0, or Infinity",
                    () -> DeviceOptions.defaults().withChunkFactor(Double.NaN));
            refusals.refuses(
                    "IllegalArgumentException: batch = 0: use 1 to 65536",
                    () -> MemoryPlan.of(SPEC).batch(0));
            refusals.refuses(
                    "IllegalArgumentException: batch = 70000: use 1 to 65536",
                    () -> MemoryPlan.of(SPEC).batch(70000));
            refusals.refuses(
                    "IllegalArgumentException: memory budget = -1 bytes: use a positive number of bytes",
                    () -> MemoryPlan.of(SPEC).within(device, -1));
            refusals.refuses(
                    "IllegalArgumentException: memory budget = 0 bytes: use a positive number of bytes",
                    () -> MemoryPlan.of(SPEC).within(device, 0));
            refusals.refuses(
                    "IllegalArgumentException: batch = 0: use 1 to 4096",
                    () -> InferencePlan.of(SPEC).batch(0));
            refusals.refuses(
                    "IllegalArgumentException: memory budget = -1 bytes: use a positive number of bytes",
                    () -> InferencePlan.of(SPEC).within(device, -1));
        }
        refusals.check();
    }

    @Test
    void optimisersAndSchedules() throws Exception {
        refusals.refuses(
                "IllegalArgumentException: learning rate = NaN: use a number from 0.0 to 1000000.0",
                () -> Sgd.nesterov(Double.NaN));
        refusals.refuses(
                "IllegalArgumentException: momentum = 2.0: use a number from 0.0 to 1.0",
                () -> Sgd.nesterov(0.1).withMomentum(2));
        refusals.refuses(
                "IllegalArgumentException: weight decay = -1.0: use a number from 0.0 to 1.0",
                () -> Sgd.plain(0.1).withWeightDecay(-1));
        refusals.refuses(
                "IllegalArgumentException: learning rate = -1.0: use a number from 0.0 to 1000000.0",
                () -> Rmsprop.of(-1));
        refusals.refuses(
                "IllegalArgumentException: learning rate = -1.0: use a number from 0.0 to 1000000.0",
                () -> LearningRateSchedule.step(-1));
        refusals.refuses(
                "IllegalArgumentException: warm-up = 2.0: use a share of all steps from 0 to 1",
                () -> LearningRateSchedule.step(0.1).withWarmUp(2));
        refusals.check();
    }

    @Test
    void batches() throws Exception {
        Dataset two = new FilledImages(2, 8, List.of("a", "b"), (index, bytes) -> {});
        BatchLoader loader = BatchLoader.of(two);
        SegmentationLoader pixels = SegmentationLoader.of(Shapes.of(0, 2, 16, 1));
        refusals.refuses(
                "IllegalArgumentException: a batch needs at least one image",
                () -> new Batch(new float[0], new int[0], 8, 8, 3));
        refusals.refuses(
                "IllegalArgumentException: images of 0x8x3: use 1 or more of each",
                () -> new Batch(new float[0], new int[1], 0, 8, 3));
        refusals.refuses(
                "IllegalArgumentException: 1 images of 8x8x3 are 192 floats, the array has 1",
                () -> new Batch(new float[1], new int[1], 8, 8, 3));
        refusals.refuses(
                "IllegalArgumentException: batch = 0: use 1 or more", () -> loader.batch(0));
        refusals.refuses(
                "IllegalArgumentException: loader threads = 0: use a number from 1 to 256",
                () -> loader.threads(0));
        refusals.refuses(
                "IllegalArgumentException: prefetch = 0: use 1 or more", () -> loader.prefetch(0));
        refusals.refuses(
                "IllegalArgumentException: epoch = -1: use 0 or a later one",
                () -> loader.epoch(-1).close());
        refusals.refuses(
                "IllegalArgumentException: from = -1: use 0 or a later batch",
                () -> loader.epoch(0, -1));
        refusals.refuses(
                "NoSuchElementException: the epoch has no more batches",
                () -> {
                    try (var e = loader.epoch(0, 99)) {
                        e.next();
                    }
                });
        refusals.refuses(
                "IllegalArgumentException: the normalisation has 1 channels, the images have 3",
                () -> loader.normalise(Normalisation.none(1)));
        refusals.refuses(
                "IllegalStateException: the epoch is closed",
                () -> {
                    var e = loader.epoch(0);
                    e.close();
                    e.next();
                });
        refusals.refuses(
                "NoSuchElementException: the epoch has no more batches",
                () -> {
                    try (var e = loader.epoch(0)) {
                        e.next();
                        e.next();
                    }
                });
        refusals.refuses(
                "IllegalArgumentException: the network does not know b of the data; it knows a",
                () -> loader.relabelled(List.of("a")));
        refusals.refuses(
                "IllegalArgumentException: crop = 0x3: use 1 or more of each",
                () -> pixels.randomCrops(0, 3));
        refusals.refuses(
                "IllegalArgumentException: the normalisation has 1 channels, the images have 3",
                () -> pixels.normalise(Normalisation.none(1)));
        refusals.check();
    }

    @Test
    void images() throws Exception {
        Shapes shapes = Shapes.of(0, 2, 16, 1);
        refusals.refuses(
                "IllegalArgumentException: 2 images from image -1 on: use 1 or more, from 0 on",
                () -> Shapes.of(-1, 2, 16, 1));
        refusals.refuses(
                "IllegalArgumentException: -2 images from image 0 on: use 1 or more, from 0 on",
                () -> Shapes.of(0, -2, 16, 1));
        refusals.refuses(
                "IllegalArgumentException: side = 0: use 16 to 4096 pixels",
                () -> Shapes.of(0, 2, 0, 1));
        refusals.refuses(
                "IndexOutOfBoundsException: index = 2: use 0 to 1", () -> shapes.read(2, x -> x));
        refusals.refuses(
                "IllegalArgumentException: generate 5 to 1000000 training images and at least one test image",
                () -> Glyphs.generate(folder, 0, 0, 1));
        refusals.refuses(
                "IllegalArgumentException: an image of 0x8x3 is empty",
                () -> new Image(0, 8, 3, new byte[0]));
        refusals.refuses(
                "IllegalArgumentException: an image of 8x8x3 does not have 0 bytes",
                () -> new Image(8, 8, 3, new byte[0]));
        refusals.refuses(
                "IllegalArgumentException: an image of 65536x65536x3 does not have 0 bytes",
                () -> new Image(1 << 16, 1 << 16, 3, new byte[0]));
        refusals.refuses(
                "IllegalArgumentException: an image resized to 0x8: use 1 or more of each, and 536870912 pixels at most",
                () -> PIXEL.resizedAndCropped(0, 8, 1));
        refusals.refuses(
                "IllegalArgumentException: an image resized to 8x2147483647: use 1 or more of each, and 536870912 pixels at most",
                () -> PIXEL.resizedAndCropped(8, Integer.MAX_VALUE, 1));
        refusals.refuses(
                "IllegalArgumentException: leastSide = 2147483647: use a number up to 8192",
                () -> new CentreCrop(8, 8, 3, 1, true).visible(PIXEL, Integer.MAX_VALUE));
        refusals.refuses(
                "IllegalArgumentException: an image of 3 channels cannot be one of 2",
                () -> new Image(1, 1, 3, new byte[3]).inChannels(2));
        refusals.refuses(
                "IllegalArgumentException: one mean and one deviation per channel are needed",
                () -> new Normalisation(new float[3], new float[] {1}));
        refusals.refuses(
                "IllegalArgumentException: deviation = 0.0: must be positive and finite",
                () -> new Normalisation(new float[1], new float[1]));
        refusals.refuses(
                "IllegalArgumentException: channels = 0: use 1 to 1048576",
                () -> Normalisation.none(0));
        refusals.refuses(
                "IllegalArgumentException: channels = 2147483647: use 1 to 1048576",
                () -> Normalisation.none(Integer.MAX_VALUE));
        refusals.refuses(
                "IllegalArgumentException: 3 values of 3 channels do not go into an array of 3 from 1 on, with a normalisation of 3 channels",
                () -> Normalisation.CIFAR10.apply(PIXEL, new float[3], 1));
        refusals.refuses(
                "IllegalArgumentException: 3 values of 3 channels do not go into an array of 3 from -1 on, with a normalisation of 3 channels",
                () -> Normalisation.CIFAR10.apply(PIXEL, new float[3], -1));
        refusals.refuses(
                "IllegalArgumentException: 1 values of 1 channels do not go into an array of 3 from 0 on, with a normalisation of 3 channels",
                () ->
                        Normalisation.CIFAR10.apply(
                                new Image(1, 1, 1, new byte[1]), new float[3], 0));
        refusals.refuses(
                "IllegalArgumentException: padding = -1: use 0 to 1024",
                () -> new Augmentation(-1, true));
        refusals.refuses(
                "IllegalArgumentException: crop area from 0.0 to 1.0: use shares above 0 and up to 1, the smaller one first",
                () -> new RandomResizedCrop(0, 1, 1));
        refusals.refuses(
                "IllegalArgumentException: colour jitter = -1.0: use a number from 0 to 1",
                () -> ColourJitter.of(-1));
        refusals.refuses(
                "IllegalArgumentException: image size = 0x1: use numbers from 1 to 8192",
                () -> new CentreCrop(0, 1, 3, 1, true));
        refusals.refuses(
                "IllegalArgumentException: largest image = 0 pixels: use 1 or more",
                () -> DecodeOptions.DEFAULT.withMostPixels(0));
        refusals.refuses(
                "DataException: FOLDER: has no folders; put the images of each class into one",
                () -> ImageFolder.at(folder).open());
        refusals.refuses(
                "IllegalArgumentException: crop share = 2.0: use a number above 0.1 and up to 1",
                () -> ImageFolder.at(folder).cropShare(2));
        refusals.refuses(
                "DataException: FOLDER/data_batch_1.bin: no such file; unpack the binary or the Python version of CIFAR10 (www.cs.toronto.edu/~kriz/cifar.html) there",
                () -> Cifar.cifar10(folder));
        refusals.check();
    }

    @Test
    void classesOfPixels() throws Exception {
        Shapes shapes = Shapes.of(0, 2, 16, 1);
        refusals.refuses(
                "IllegalArgumentException: a mask of 1x1 does not have 2",
                () -> new ClassMask(1, 1, new int[2], SegmentationClasses.numbered(2)));
        refusals.refuses(
                "IllegalArgumentException: class 5: there are 2 classes",
                () -> new ClassMask(1, 1, new int[] {5}, SegmentationClasses.numbered(2)));
        refusals.refuses(
                "IllegalArgumentException: the classes: 1 classes: use 2 to 255",
                () -> SegmentationClasses.numbered(1));
        refusals.refuses(
                "IndexOutOfBoundsException: classIndex = -1: use 0 to 1",
                () -> SegmentationClasses.numbered(2).index(-1));
        refusals.refuses(
                "IndexOutOfBoundsException: classIndex = 2: use 0 to 1",
                () -> SegmentationClasses.numbered(2).colour(2));
        refusals.refuses(
                "IndexOutOfBoundsException: classIndex = 2: use 0 to 1",
                () -> new SegmentationScores(2).iou(2));
        refusals.refuses(
                "IndexOutOfBoundsException: classIndex = -1: use 0 to 1",
                () -> new SegmentationScores(2).labelled(-1));
        refusals.refuses(
                "IllegalArgumentException: a mask of -1x1: use 1 or more of each",
                () -> ClassMask.of(-1, 1, new float[2], 0, SegmentationClasses.numbered(2)));
        refusals.refuses(
                "IllegalArgumentException: classes = 0: use 1 to 1048576",
                () -> new SegmentationScores(0));
        refusals.refuses(
                "IllegalArgumentException: 1 labels for 2 predictions",
                () -> new SegmentationScores(2).add(new int[1], new int[2]));
        refusals.refuses(
                "IllegalArgumentException: label 5 of pixel 0: there are 2 classes",
                () -> new SegmentationScores(2).add(new int[] {5}, new int[] {0}));
        refusals.refuses(
                "IllegalArgumentException: a tally of 1 numbers for 2 classes",
                () -> new SegmentationScores(2).addTally(new float[1]));
        refusals.refuses(
                "IllegalArgumentException: counts are not of 2 classes",
                () -> new SegmentationScores(2).add(new long[1], new long[2], new long[2]));
        refusals.refuses(
                "IllegalArgumentException: counts are not of 2 classes",
                () -> new SegmentationScores(2).add(new SegmentationScores(3)));
        refusals.refuses(
                "IndexOutOfBoundsException: classIndex = 99: use 0 to 6",
                () -> LabelCounts.of(shapes).pixels(99));
        refusals.check();
    }

    @Test
    void specs() throws Exception {
        refusals.refuses(
                "IllegalArgumentException: depth 11 does not fit DenseNet bc, whose depth is 6n + 4; the nearest are 10 and 16",
                () -> DenseNetSpec.bc(11, 4).build());
        refusals.refuses(
                "IllegalArgumentException: growthRate = 0: use a number from 1 to 1048576",
                () -> DenseNetSpec.bc(10, 0).build());
        refusals.refuses(
                "IllegalArgumentException: classes = 0: use a number from 1 to 1048576",
                () -> DenseNetSpec.bc(10, 4).classes(0).build());
        refusals.refuses(
                "IllegalArgumentException: inputSize = 2x2 is too small: block 3 would have no pixels; use larger images or fewer blocks",
                () -> DenseNetSpec.bc(10, 4).inputSize(2, 2).build());
        refusals.refuses(
                "IllegalArgumentException: inputChannels = 0: use a number from 1 to 1048576",
                () -> DenseNetSpec.bc(10, 4).inputChannels(0).build());
        refusals.refuses(
                "IllegalArgumentException: layersPerBlock is empty: give at least one block, such as layersPerBlock(6, 12)",
                () -> DenseNetSpec.builder().layersPerBlock().build());
        refusals.refuses(
                "IllegalArgumentException: layersPerBlock = 0: use a number from 1 to 1048576",
                () -> DenseNetSpec.builder().layersPerBlock(0).build());
        refusals.refuses(
                "IllegalArgumentException: initialChannels = 0: use a number from 1 to 1048576",
                () -> DenseNetSpec.builder().initialChannels(0).build());
        refusals.refuses(
                "IllegalArgumentException: bottleneckWidth = -1: use 4 as in the paper, or 0 for none",
                () -> DenseNetSpec.builder().bottleneckWidth(-1).build());
        refusals.refuses(
                "IllegalArgumentException: compression = 0.0: use a number above 0 and up to 1",
                () -> DenseNetSpec.builder().compression(0).build());
        refusals.refuses(
                "IllegalArgumentException: dropout = 1.0: use a number from 0 to below 1",
                () -> DenseNetSpec.builder().dropout(1).build());
        refusals.refuses(
                "IllegalArgumentException: stochasticDepth = 1.0: use a number from 0 to below 1",
                () -> DenseNetSpec.builder().stochasticDepth(1).build());
        refusals.refuses(
                "IllegalArgumentException: downLayers is empty: give at least one block, such as downLayers(4, 4)",
                () -> FcDenseNetSpec.uniform(0, 1, 1).build());
        refusals.refuses(
                "IllegalArgumentException: upLayers has 1 blocks, downLayers 5: give as many, from the smallest images to the largest",
                () -> FcDenseNetSpec.builder().upLayers(1).build());
        refusals.refuses(
                "IllegalArgumentException: inputSize = 224x224 is too small: halved 32 times, rounding down, it has no pixels; use larger images or fewer levels",
                () -> FcDenseNetSpec.uniform(Integer.MAX_VALUE, 1, 1).build());
        refusals.refuses(
                "IllegalArgumentException: depth 9 does not fit a CIFAR ResNet, whose depth is 6n + 2; the nearest are 8 and 14",
                () -> ResNetSpec.cifar(9).build());
        refusals.refuses(
                "IllegalArgumentException: unitsPerStage is empty: give at least one stage, such as unitsPerStage(2, 2)",
                () -> ResNetSpec.builder().unitsPerStage().build());
        refusals.check();
    }

    @Test
    void numbersOfOperationsLayersAndConnections() throws Exception {
        MemoryPlan plan;
        try (Device device = Device.cpu()) {
            plan = MemoryPlan.of(SPEC).batch(2).on(device);
        }
        refusals.refuses(
                "IndexOutOfBoundsException: operation = -1: use 0 to "
                        + (plan.operations().size() - 1),
                () -> plan.liveBytes(-1));
        refusals.refuses(
                "IndexOutOfBoundsException: operation = 1000: use 0 to "
                        + (plan.operations().size() - 1),
                () -> plan.bytesAt(1000));
        refusals.refuses(
                "IndexOutOfBoundsException: block = 0: use 1 to 3",
                () -> SPEC.survivalProbability(0, 1));
        refusals.refuses(
                "IndexOutOfBoundsException: layer = 2: use 1 to 1",
                () -> SPEC.survivalProbability(1, 2));
        BlockReuse block = new BlockReuse(1, "block1", List.of(), List.of(), List.of());
        refusals.refuses(
                "IndexOutOfBoundsException: source = 0: there is none", () -> block.sourceName(0));
        refusals.refuses(
                "IndexOutOfBoundsException: target = 1: there is none", () -> block.targetName(1));
        refusals.check();
    }

    @Test
    void reports() throws Exception {
        refusals.refuses(
                "IllegalArgumentException: degree = -1: use 0 or more",
                () -> PolynomialFit.of(new double[2], new double[2], -1));
        refusals.refuses(
                "IllegalArgumentException: x has 3 values, y 2: give as many",
                () -> PolynomialFit.of(new double[3], new double[2], 1));
        refusals.refuses(
                "IllegalArgumentException: steps = -1: use 1 to 16777216",
                () -> WarmedSteps.run(-1, 0, number -> 0));
        refusals.refuses(
                "IllegalArgumentException: warmUpSeconds = Infinity: use 0 to 86400",
                () -> WarmedSteps.run(1, Double.POSITIVE_INFINITY, number -> 0));
        refusals.refuses(
                "IllegalArgumentException: digits = -1: use 0 to 1000", () -> Csv.decimals(-1, 1));
        refusals.refuses(
                "IllegalArgumentException: length = 3: a row has 2 values",
                () ->
                        EmbeddingsWriter.CSV.write(
                                folder.resolve("e.csv"), List.of("a"), List.of(new float[2]), 3));
        refusals.refuses(
                "IllegalArgumentException: 2 names for 1 rows: give one for each",
                () ->
                        EmbeddingsWriter.NPY.write(
                                folder.resolve("e.npy"),
                                List.of("a", "b"),
                                List.of(new float[2]),
                                2));
        refusals.refuses(
                "IllegalArgumentException: shape = [-1] of 'w': use sides of 0 or more",
                () -> new SafetensorsWriter().floats("w", List.of(-1), () -> new float[1]));
        refusals.check();
    }

    @Test
    void figures() throws Exception {
        double[] two = new double[2];
        refusals.refuses(
                "IllegalArgumentException: series is empty: give 1 or more",
                () -> Figure.lines("t", "x", "y", List.of()));
        refusals.refuses(
                "IllegalArgumentException: y of 's' has 2 values: give 3",
                () -> new Figure.Series("s", new double[3], two));
        refusals.refuses(
                "IllegalArgumentException: y of 's' has 2 values: give 3",
                () -> Figure.areas("t", "x", "y", new double[3], Map.of("s", two)));
        refusals.refuses(
                "IllegalArgumentException: values of 's' has 2 values: give 1",
                () -> Figure.bars("t", "y", List.of("g"), Map.of("s", two), true));
        refusals.refuses(
                "IllegalArgumentException: columns is empty: give 1 or more",
                () -> Figure.heatMap("t", "x", "y", List.of(), List.of("r"), new double[][] {two}));
        refusals.refuses(
                "IllegalArgumentException: row 0 of values has 2 values: give 1",
                () ->
                        Figure.heatMap(
                                "t", "x", "y", List.of("c"), List.of("r"), new double[][] {two}));
        refusals.refuses(
                "IllegalArgumentException: colours from 1.0 to 1.0: use finite numbers that rise",
                () ->
                        Figure.heatMap(
                                "t",
                                "x",
                                "y",
                                List.of("a", "b"),
                                List.of("r"),
                                new double[][] {two},
                                1,
                                1));
        refusals.refuses(
                "IllegalArgumentException: a figure of 0x10: use 1 to 8192 each",
                () ->
                        Figure.lines("t", "x", "y", List.of(new Figure.Series("s", two, two)))
                                .write(folder.resolve("f.png"), 0, 10));
        refusals.check();
    }

    @Test
    void aTraceOfNoStepIsATable() {
        assertTrue(StepTrace.NONE.text().contains("all calls"), StepTrace.NONE.text());
    }

    @Test
    void graphs() throws Exception {
        refusals.refuses(
                "GraphException: the features 'x' would be 0x1 pixels of 1 channels: use larger images or fewer reductions",
                () -> new Features("x", 0, 1, 1));
        refusals.refuses(
                "GraphException: the features 'x' would have 2147483647 channels, more than 16777216",
                () -> new Features("x", 1, 1, Integer.MAX_VALUE));
        refusals.refuses(
                "GraphException: columns 2 to 5 of the features 'x', which have 4",
                () -> new Features("x", 1, 1, 4).columns(2, 3));
        refusals.refuses(
                "GraphException: columns 0 to 0 of the features 'x', which have 4",
                () -> new Features("x", 1, 1, 4).prefix(0));
        refusals.refuses(
                "GraphException: epsilon = 0.0 of 'n': use a small positive number",
                () -> new Norm("n", 0, 0.1));
        refusals.refuses(
                "GraphException: a window of 0, stride 1, padding 0: use positive sizes and a padding smaller than the kernel",
                () -> new Window(0, 1, 0));
        refusals.refuses(
                "GraphException: dropout of 2.0 with survival 0.0: use a rate from 0 to below 1 and a survival above 0 and up to 1",
                () -> new Drops(0, 2, 0));
        refusals.refuses(
                "GraphException: the features 'input' would be 0x1 pixels of 1 channels: use larger images or fewer reductions",
                () -> Graph.builder("g", 0, 1, 1));
        refusals.refuses(
                "GraphException: the network 'g' has no head to train by",
                () -> Graph.builder("g", 1, 1, 1).build());
        refusals.check();
    }
}
