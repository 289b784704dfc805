package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.weights.CaffeFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Commands that are given a Caffe model of a DSOD as weights. */
class CaffeWeightsTest {
    @TempDir private static Path root;

    private static String model;
    private static Path coco;

    @BeforeAll
    static void files() throws IOException {
        model = CaffeFile.dsodGlyphs().write(root.resolve("glyphs.caffemodel")).toString();
        coco = root.resolve("coco");
        BoxedScenes.coco(coco, "train2017", 1, 4);
        BoxedScenes.coco(coco, "val2017", 101, 2);
    }

    private static void contains(String text, String... parts) {
        for (String part : parts) {
            assertTrue(text.contains(part), () -> "'" + part + "' is missing in: " + text);
        }
    }

    private static String predicted(String weights, String out) {
        return Captured.run(
                        "predict",
                        "--weights",
                        weights,
                        coco.resolve("images/val2017/101.png").toString(),
                        "--score",
                        "0.05",
                        "--json",
                        "--out",
                        root.resolve(out).toString())
                .mustSucceed()
                .out()
                .replace(root.resolve(out).toString(), "");
    }

    @Test
    void anExportFindsWhatTheModelFinds() {
        String exported = root.resolve("glyphs.safetensors").toString();
        Captured.run("export", "--weights", model, "--format", "safetensors", "--out", exported)
                .mustSucceed();
        String found = predicted(model, "first");
        contains(found, "\"class\" : \"class ", "\"score\" : ");
        assertEquals(found, predicted(exported, "second"));
    }

    @Test
    void trainingGoesOnFromTheModelAsItWasNormalised() {
        Captured run =
                Captured.run(
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
                                "coco:" + coco,
                                "--weights",
                                model,
                                "--out",
                                root.resolve("run").toString())
                        .mustSucceed();
        contains(run.out(), "DSOD dsod-glyphs", "glyphs.caffemodel");
    }

    @Test
    void anEvaluationTakesTheModel() {
        Captured evaluated =
                Captured.run("evaluate", "--weights", model, "--data", "coco:" + coco)
                        .mustSucceed();
        contains(evaluated.out(), "2 images of val2017", "AP50", "class 9");
        contains(evaluated.err(), "do not name their classes", "by position");
    }

    @Test
    void aModelThatIsCutGetsOneLine() throws IOException {
        byte[] whole = Files.readAllBytes(Path.of(model));
        Path cut = root.resolve("cut.caffemodel");
        Files.write(cut, Arrays.copyOf(whole, whole.length / 2));
        Captured.run("predict", "--weights", cut.toString(), coco.toString())
                .mustRefuse("cut.caffemodel", "cut off or damaged", "to its end?");
    }
}
