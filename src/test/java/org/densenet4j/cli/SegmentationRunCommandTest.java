package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Shapes;
import org.densenet4j.io.Csv;
import org.densenet4j.train.Checkpoint;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** {@code train} with networks that classify pixels. */
class SegmentationRunCommandTest {
    private static final String CHECKPOINT = "checkpoint.safetensors";

    @TempDir private Path root;
    private Path data;
    private Path table;

    @BeforeEach
    void images() throws IOException {
        data = root.resolve("data");
        Shapes.generate(data, new Shapes.Counts(6, 2, 3), 16, 1);
        table = Files.move(data.resolve("classes.csv"), root.resolve("classes.csv"));
    }

    private List<String> tiny(Path out, String... more) {
        return TinyRun.segment(data, out, more);
    }

    private static void contains(String text, String... parts) {
        for (String part : parts) {
            assertTrue(text.contains(part), () -> "'" + part + "' is missing in: " + text);
        }
    }

    @Test
    void aRunTellsMeanIouAndThatOfEachClass() throws IOException {
        Path run = root.resolve("run");
        Captured result =
                Captured.run(tiny(run, "--class-colours", table.toString())).mustSucceed();
        contains(
                result.out(),
                "FC-DenseNet fc-densenet-1-1-2",
                "6 training and 2 test images, batch 3, augmentation windows of 12 and flip",
                "  mean IoU ",
                "\ntest mean IoU  ",
                "class                          IoU    recall precision");
        contains(result.err(), "note: testing on val", "not used: test");
        List<List<String>> scores = Csv.parse(Files.readString(run.resolve("iou.csv")));
        for (List<String> row : scores.subList(1, scores.size())) {
            String iou = IouFile.percent(row);
            assertTrue(
                    result.out()
                            .lines()
                            .anyMatch(l -> l.matches(row.getFirst() + " +" + iou + " .*")),
                    row + " in " + result.out());
        }
        contains(result.out(), IouFile.mean(scores) + " (epoch 1)");
        Map<String, String> metadata = Checkpoint.metadata(run.resolve(CHECKPOINT));
        assertEquals("fc-densenet", metadata.get("recipe.recipe"), "the paper's by default");
        assertEquals("12", metadata.get("recipe.crop"));
        assertEquals(table.toAbsolutePath().toString(), metadata.get("run.class-colours"));
        assertEquals("folder:" + data.toAbsolutePath(), metadata.get("run.data"));
    }

    @Test
    void aRunGoesOnWithWhatItWasStartedWith() throws IOException {
        Path run = root.resolve("run");
        Captured.run(tiny(run, "--class-colours", table.toString(), "--void-label", "255"))
                .mustSucceed();
        List<String> resume = List.of("train", "--no-compare", "--resume", run.toString());
        Captured longer = Captured.run(with(resume, "--epochs", "2")).mustSucceed();
        contains(longer.out(), "changed  epochs: 1 -> 2", "in epoch 2", "epoch 2/2");
        assertEquals(3, Files.readAllLines(run.resolve("metrics.csv")).size());
        Map<String, String> images = ImageMetadata.read(run, checkpoint(run)).entries();
        assertTrue(images.keySet().stream().anyMatch(k -> k.contains("colour")), images.toString());
        Captured.run(with(resume, "--epochs", "3", "--crop", "8"))
                .mustRefuse("--crop 8 does not fit the run, which has 12");
        Captured.run(with(resume, "--task", "classify"))
                .mustRefuse("--task classify does not fit fc-densenet-1-1-2");
        Files.writeString(table, "other,1,2,3\nstill,4,5,6\n");
        Captured other = Captured.run(with(resume, "--epochs", "3"));
        assertEquals(2, other.code());
        contains(
                other.err(),
                "error: the data has the classes other, still, the network background, disc",
                "a run continues with the classes that it was started with");
    }

    private static Map<String, String> checkpoint(Path run) throws IOException {
        return Checkpoint.metadata(run.resolve(CHECKPOINT));
    }

    private static List<String> with(List<String> arguments, String... more) {
        List<String> all = new ArrayList<>(arguments);
        all.addAll(List.of(more));
        return all;
    }

    @Test
    void indicesNeedANumberOfClassesWhichARunRemembers() throws IOException {
        Path run = root.resolve("run");
        Captured.run(tiny(run)).mustRefuse("give --class-colours FILE", "--classes N");
        assertFalse(Files.exists(run));
        Captured.run(tiny(run, "--classes", "3"))
                .mustRefuse("000000.png: class index", "there are 3");
        Path six = root.resolve("seven");
        Captured.run(tiny(six, "--classes", "7")).mustSucceed();
        assertEquals("7", Checkpoint.metadata(six.resolve(CHECKPOINT)).get("run.classes"));
        // Killed before its first checkpoint: only the configuration is there.
        Path killed = Files.createDirectory(root.resolve("killed"));
        Files.copy(six.resolve("config.properties"), killed.resolve("config.properties"));
        Captured again =
                Captured.run(List.of("train", "--no-compare", "--resume", killed.toString()))
                        .mustSucceed();
        contains(again.out(), "has no checkpoint yet", "test mean IoU");
        Captured.run(List.of("train", "--no-compare", "--resume", six.toString(), "--epochs", "2"))
                .mustSucceed();
    }

    @Test
    void withoutValidationImagesTheTestImagesAreUsed() throws IOException {
        for (String name : List.of("val", "valannot")) {
            Files.move(data.resolve(name), root.resolve(name));
        }
        Captured result = Captured.run(tiny(root.resolve("run"), "--classes", "7")).mustSucceed();
        contains(result.out(), "6 training and 3 test images");
        assertFalse(result.err().contains("not used"), result.err());
        for (String name : List.of("test", "testannot")) {
            Files.move(data.resolve(name), root.resolve(name));
        }
        Captured.run(tiny(root.resolve("other"), "--classes", "7"))
                .mustRefuse("has no images with label images for val");
    }

    @Test
    void wholeImagesArePlannedForTheSizeOfTheData() {
        Captured result =
                Captured.run(
                                tiny(
                                        root.resolve("run"),
                                        "--classes",
                                        "7",
                                        "--crop",
                                        "0",
                                        "--batch",
                                        "1"))
                        .mustSucceed();
        contains(result.out(), "input 16x16x3", "augmentation flip");
    }

    @Test
    void brokenImagesAreSkippedWhereThatIsAskedFor() throws IOException {
        Path broken = data.resolve("train/000000.png");
        Files.writeString(broken, "no image");
        Captured stopped = Captured.run(tiny(root.resolve("run"), "--classes", "7"));
        assertEquals(2, stopped.code());
        contains(stopped.err(), "error: ", "000000.png: broken image");
        Captured skipped =
                Captured.run(tiny(root.resolve("other"), "--classes", "7", "--on-broken", "skip"))
                        .mustSucceed();
        contains(skipped.out(), "skipped  ", "skipped        1 broken images");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--task classify | --task classify does not fit fc-densenet-1-1-2, which classifies"
                        + " pixels",
                "--input-size 16 | --input-size 16 is for networks that classify images | use --crop",
                "--augment cifar | --augment cifar is for networks that classify images, and"
                        + " fc-densenet-1-1-2 classifies pixels; use --augment flip or none",
                "--recipe glyphs | --augment shift of the recipe glyphs is for | or another recipe",
                "--recipe imagenet --augment flip | --colour-jitter 0.4 of the recipe imagenet",
                "--colour-jitter 0.1 | use --colour-jitter 0",
                "--label-smoothing 0.1 | use --label-smoothing 0",
                "--stochastic-depth 0.1 | fc-densenet-1-1-2 has none",
                "--compression 0.5 | fc-densenet-1-1-2 has none",
                "--crop -1 | crop = -1",
                "--crop 1 | inputSize = 1x1 is too small",
                "--momentum 0.5 | --momentum is for --optimiser sgd; the optimiser is rmsprop",
                "--optimiser sgd --decay-scales false --rho 0.5 | --rho is for --optimiser rmsprop",
                "--optimiser sgd | use --decay-scales false with sgd",
                "--optimiser adagrad | --optimiser | SGD, RMSPROP, ADAM, ADAMW",
                "--schedule exponential --milestones 3 | --milestones is for --schedule step",
                "--schedule cosine --lr-factor 0.5 | is for --schedule step, exponential or plateau",
                "--patience -1 | patience = -1",
                "--glyphs 5 | --glyphs is for --data glyphs",
                "--shapes 5 | --shapes is for --data shapes, not for folder:",
                "--classes 7 --void-label 300 | void label = 300: use 0 to 255",
                "--void-label x | --void-label",
                "--class-colours none.csv | none.csv: no such file",
                "--classes 1 | 1 classes: use 2 to 255",
                "--data cifar10:x | has one label for each image, and fc-densenet-1-1-2 classifies",
                "--data idx:x | no data source 'idx:x'; use shapes, camvid:DIR or folder:DIR",
                "--data camvid: | names no folder",
                "--data camvid:nowhere | nowhere: no such folder",
                "--data camvid:nowhere --class-colours x | --class-colours is for --data folder:DIR",
                "--data shapes --glyphs 5 | --glyphs is for --data glyphs, not for shapes",
                "--data shapes --void-label 3 | --void-label is for folders, not for shapes",
                "--model bc-10-4 | --crop 12 is for networks that classify pixels, and bc-10-4",
                "--model resnet18 --crop 0 --task segment | --task segment does not fit resnet18",
                "--model cifar-resnet-8 --crop 0 --class-colours x | --class-colours is for networks"
                        + " that classify pixels",
                "--model cifar-resnet-8 --crop 0 --data shapes | has a label for each pixel, and"
                        + " cifar-resnet-8 classifies images",
                "--model cifar-resnet-8 --crop 0 | it has label images, which --task segment",
                "--model bc-10-4 --recipe fc-densenet --crop 0 --data camvid:x | label for each",
            })
    void whatDoesNotFitIsRefusedInOneLine(String row) {
        List<String> parts = List.of(row.split(" \\| ", -1));
        Path run = root.resolve("run");
        Captured.run(tiny(run, parts.getFirst().split(" ", -1)))
                .mustRefuse(parts.subList(1, parts.size()).toArray(String[]::new));
        assertFalse(Files.exists(run));
    }

    @ParameterizedTest
    @CsvSource({
        "cifar-resnet-8, --stochastic-depth 0",
        "cifar-preresnet-20, --augment flip",
        "bc-10-4, --optimiser rmsprop --lr 0.001 --schedule exponential --lr-factor 0.9"
    })
    void networksOfEveryFamilyThatClassifyImagesAreTrainedAndGoOn(String model, String options)
            throws IOException {
        Path run = root.resolve("run");
        List<String> arguments = TinyRun.train(TinyRun.data(root.resolve("glyphs")), run, 1);
        arguments.set(arguments.indexOf("bc-10-4"), model);
        arguments.addAll(List.of("--task", "classify"));
        arguments.addAll(List.of(options.split(" ", -1)));
        contains(Captured.run(arguments).mustSucceed().out(), model, "test accuracy  ");
        Captured longer =
                Captured.run(
                                List.of(
                                        "train",
                                        "--no-compare",
                                        "--resume",
                                        run.toString(),
                                        "--epochs",
                                        "2"))
                        .mustSucceed();
        contains(longer.out(), "epoch 2/2");
    }

    /** In a folder of its own, below which the images are generated. */
    @Test
    void segmentAloneTrainsASmallNetworkOnGeneratedShapes() throws IOException {
        TrainProcess process =
                TrainProcess.start(
                        root,
                        "",
                        "train",
                        "--task",
                        "segment",
                        "--no-compare",
                        "--shapes",
                        "8",
                        "--epochs",
                        "1",
                        "--batch",
                        "8",
                        "--threads",
                        "2",
                        "--out",
                        "run");
        assertEquals(0, process.await(), process.output());
        contains(
                process.output(),
                "fc-densenet-3-3-8",
                "8 training and 200 test images",
                "test mean IoU");
        assertTrue(Files.isDirectory(root.resolve("runs/shapes-8/trainannot")));
        assertEquals(
                "shapes",
                Checkpoint.metadata(root.resolve("run").resolve(CHECKPOINT)).get("recipe.recipe"));
    }
}
