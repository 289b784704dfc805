package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.train.Checkpoint;
import org.densenet4j.train.RunFolder;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import javax.imageio.ImageIO;

/** {@code train}, {@code evaluate} and {@code predict} with networks that find objects. */
class DetectionCommandsTest {
    @TempDir private static Path root;

    private static Path voc;
    private static Path coco;

    /** Trained on the first of both. */
    private static Path run;

    private static Captured trained;

    private static List<String> train(String data, Path out, String... more) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "train",
                                "--no-compare",
                                "--device",
                                "cpu",
                                "--recipe",
                                "scenes",
                                "--input-size",
                                "32",
                                "--batch",
                                "4",
                                "--epochs",
                                "1",
                                "--data",
                                data,
                                "--out",
                                out.toString()));
        arguments.addAll(List.of(more));
        return arguments;
    }

    @BeforeAll
    static void images() throws IOException {
        voc = root.resolve("voc");
        coco = root.resolve("coco");
        BoxedScenes.voc(voc, "train", 1, 8);
        BoxedScenes.voc(voc, "val", 101, 4);
        BoxedScenes.coco(coco, "train2017", 1, 8);
        BoxedScenes.coco(coco, "val2017", 101, 4);
        run = root.resolve("run");
        trained = Captured.run(train("coco:" + coco, run, "--augment", "ssd"));
        trained.mustSucceed();
    }

    private static String best() {
        return run.resolve(RunFolder.BEST).toString();
    }

    private static void contains(String text, String... parts) {
        for (String part : parts) {
            assertTrue(text.contains(part), () -> "'" + part + "' is missing in: " + text);
        }
    }

    @Test
    void aRunTellsAveragePrecisionsAndThoseOfEachClass() throws IOException {
        contains(
                trained.out(),
                "DSOD dsod-glyphs",
                "classes 10",
                "8 training and 4 test images, batch 4, augmentation ssd",
                "test mean average precision",
                "VOC2007",
                BoxedScenes.NAMES.getLast());
        Map<String, String> metadata = Checkpoint.metadata(run.resolve(RunFolder.BEST));
        assertEquals("detect", metadata.get("outputs.task"));
        assertEquals("default", metadata.get("run.train-sets"));
    }

    @Test
    void aRunGoesOnWithWhatItWasStartedWith() throws IOException {
        Path other = root.resolve("continued");
        Captured.run(train("voc:" + voc, other, "--train-sets", "val", "--val-sets", "train"))
                .mustSucceed();
        Captured longer =
                Captured.run("train", "--no-compare", "--resume", other.toString(), "--epochs", "2")
                        .mustSucceed();
        contains(longer.out(), "4 training and 8 test images", "changed  epochs: 1 -> 2");
        assertEquals(3, Files.readAllLines(other.resolve("metrics.csv")).size());
        Captured segment =
                Captured.run(
                        "train",
                        "--resume",
                        other.toString(),
                        "--epochs",
                        "3",
                        "--task",
                        "segment");
        assertEquals(2, segment.code());
        contains(segment.err(), "--task segment does not fit dsod-glyphs, which finds objects");
    }

    @Test
    void anEvaluationTellsBothDefinitionsAndWritesWhatCocoReads() throws IOException {
        Path results = root.resolve("results.json");
        Captured table =
                Captured.run(
                                "evaluate",
                                "--weights",
                                best(),
                                "--data",
                                "coco:" + coco,
                                "--results",
                                results.toString())
                        .mustSucceed();
        contains(table.out(), "4 images of val2017", "COCO  ", "AP50", "VOC2007", "objects");
        String json = Files.readString(results);
        contains(json, "\"image_id\":201", "\"category_id\":");
        Captured.run(
                        "evaluate",
                        "--weights",
                        best(),
                        "--data",
                        "coco:" + coco,
                        "--results",
                        results.toString())
                .mustRefuse("results.json", "--overwrite");
        // The same images, in a folder whose classes are in another order.
        Captured ofVoc =
                Captured.run("evaluate", "--weights", best(), "--data", "voc:" + voc, "--json")
                        .mustSucceed();
        contains(ofVoc.out(), "\"sets\" : \"val\"", "\"images\" : 4", "\"ap50\" : ");
    }

    @Test
    void predictionsAreDrawnAndTold() throws IOException {
        Path out = root.resolve("pictures");
        Path images = coco.resolve("images/val2017");
        List<String> predict =
                List.of(
                        "predict",
                        "--weights",
                        best(),
                        images.toString(),
                        "--score",
                        "0.02",
                        "--out",
                        out.toString());
        Captured told = Captured.run(predict).mustSucceed();
        contains(told.out(), "101.png", " to (", "101.boxes.png", "detections.json");
        for (int i = 101; i < 105; i++) {
            assertNotNull(ImageIO.read(out.resolve(i + ".boxes.png").toFile()));
        }
        String list = Files.readString(out.resolve("detections.json"));
        contains(list, "\"width\" : 48", "\"class\" : ", "\"left\" : ", "\"score\" : ");
        Files.writeString(out.resolve("101.boxes.png"), "somebody else's");
        Captured.run(predict).mustRefuse("101.boxes.png exists", "--overwrite");
        List<String> again = new ArrayList<>(predict);
        again.addAll(List.of("--overwrite", "--json"));
        assertEquals(list.strip(), Captured.run(again).mustSucceed().out().strip());
        Path broken = root.resolve("broken.jpg");
        Files.writeString(broken, "no image");
        Captured one =
                Captured.run(
                        "predict",
                        "--weights",
                        best(),
                        images.resolve("101.png").toString(),
                        broken.toString(),
                        "--out",
                        root.resolve("one").toString());
        assertEquals(1, one.code());
        contains(one.err(), "error: ", "broken.jpg");
        assertTrue(Files.exists(root.resolve("one/101.boxes.png")));
    }

    @Test
    void otherClassesNeedANewHead() throws IOException {
        Path other = root.resolve("fewer");
        BoxedScenes.coco(other, "train2017", 1, 4);
        BoxedScenes.coco(other, "val2017", 101, 2);
        for (String set : List.of("train2017", "val2017")) {
            Path file = other.resolve("annotations/instances_" + set + ".json");
            Files.writeString(
                    file,
                    Files.readString(file)
                            .replace("\"" + BoxedScenes.NAMES.getFirst() + "\"", "\"a new one\""));
        }
        Path out = root.resolve("tuned");
        Captured refused = Captured.run(train("coco:" + other, out, "--weights", best()));
        assertEquals(2, refused.code());
        contains(refused.err(), "a new one", "--reset-head trains a new classifier");
        assertFalse(Files.exists(out));
        Captured tuned =
                Captured.run(train("coco:" + other, out, "--weights", best(), "--reset-head"))
                        .mustSucceed();
        contains(tuned.out(), "with a new classifier", "a new one");
    }

    @Test
    void whatDoesNotFitIsRefusedInOneLine() throws IOException {
        Path out = root.resolve("refused");
        Path empty = Files.createDirectories(root.resolve("empty"));
        Captured.run(train("voc:" + empty, out)).mustRefuse("ImageSets/Main", "VOCdevkit");
        Captured.run(train("voc:" + root.resolve("nowhere"), out)).mustRefuse("no such folder");
        Captured.run(train("voc:" + voc, out, "--val-sets", "test"))
                .mustRefuse("test.txt: no such file", "the sets are train, val");
        Captured.run(train("coco:" + voc, out)).mustRefuse("annotations/instances_SET.json");
        Captured.run(train("coco:" + coco, out, "--train-sets", "train"))
                .mustRefuse("instances_train.json: no such file", "train2017");
        Captured.run(train("scenes", out, "--train-sets", "train")).mustRefuse("--train-sets");
        Captured.run(train("voc:" + voc, out, "--scenes", "5")).mustRefuse("--scenes");
        Captured.run(train("folder:" + voc, out))
                .mustRefuse("has no boxes", "dsod-glyphs finds objects", "voc:DIR");
        Captured.run(train("coco:" + coco, out, "--augment", "cifar"))
                .mustRefuse("--augment cifar", "ssd, flip or none");
        Captured.run(train("coco:" + coco, out, "--label-smoothing", "0.1"))
                .mustRefuse("--label-smoothing 0.1");
        Captured.run("train", "--model", "bc-40-12", "--data", "voc:" + voc)
                .mustRefuse("has boxes", "bc-40-12 classifies images", "dsod300");
        Captured.run("train", "--augment", "ssd").mustRefuse("--augment ssd", "find objects");
        Captured.run("train", "--task", "detect", "--model", "fc-densenet56")
                .mustRefuse("--task detect does not fit fc-densenet56, which classifies pixels");
        Captured.run("predict", "--weights", best(), coco.toString(), "--score", "1.5")
                .mustRefuse("--score 1.5");
        Captured.run("predict", "--weights", best(), coco.toString(), "--opacity", "0.5")
                .mustRefuse("--opacity");
        Captured.run("embed", "--weights", best(), coco.toString(), "--out", out + ".csv")
                .mustRefuse("finds objects and has no embeddings");
        Path broken = root.resolve("unreadable");
        BoxedScenes.voc(broken, "train", 1, 2);
        BoxedScenes.voc(broken, "val", 101, 1);
        Files.writeString(broken.resolve("JPEGImages/000001.jpg"), "no image");
        Captured.run(train("voc:" + broken, out)).mustRefuse("000001.jpg");
        Files.delete(broken.resolve("Annotations/000002.xml"));
        Captured.run(train("voc:" + broken, out)).mustRefuse("000002.xml");
        assertFalse(Files.exists(out));
    }
}
