package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtSession;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Cifar;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.Normalisation;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.JsonList;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.testing.OnnxRuntime;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.StepResult;
import org.densenet4j.train.Trainer;
import org.densenet4j.weights.RandomModel;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import javax.imageio.ImageIO;

/** Glyphs trained, saved, exported, and looked at through the command line, end to end. */
class InferenceCommandsTest {
    private static final int IMAGES = 25;

    @TempDir private static Path folder;
    private static Path checkpoint;
    private static Path images;
    private static List<String> names;
    private static int[] labels;
    private static double testLoss;
    private static double testAccuracy;

    private record Outcome(int code, String out, String err) {}

    @BeforeAll
    static void train() throws IOException {
        Path glyphs = folder.resolve("glyphs");
        Glyphs.generate(glyphs, IMAGES, 40, 1);
        Cifar set = Cifar.cifar10(glyphs);
        names = set.train().classNames();
        Normalisation normalisation = Normalisation.of(set.train());
        checkpoint = folder.resolve("checkpoint.safetensors");
        DenseNetSpec spec = DenseNetSpec.bc(10, 8).build();
        try (Device device = Device.cpu();
                Trainer trainer =
                        Trainer.of(spec, device)
                                .batch(IMAGES)
                                .optimizer(Sgd.nesterov(0.05))
                                .open()) {
            BatchLoader loader = BatchLoader.of(set.train()).batch(IMAGES).normalise(normalisation);
            try (BatchLoader.Epoch batches = loader.epoch(0)) {
                Batch all = batches.next();
                for (int step = 0; step < 80; step++) {
                    trainer.step(all);
                }
            }
            try (BatchLoader.Epoch batches =
                    BatchLoader.of(set.test()).batch(25).normalise(normalisation).epoch(0)) {
                for (Batch batch : batches) {
                    StepResult r = trainer.evaluate(batch);
                    testLoss += r.loss() * r.images() / set.test().size();
                    testAccuracy += (double) r.correct() / set.test().size();
                }
            }
            trainer.save(
                    checkpoint,
                    Map.of(
                            "classes", JsonList.of(names),
                            "normalisation.mean", JsonList.of(normalisation.mean()),
                            "normalisation.deviation", JsonList.of(normalisation.deviation())));
        }
        images = Files.createDirectories(folder.resolve("images"));
        labels = new int[IMAGES];
        for (int i = 0; i < IMAGES; i++) {
            labels[i] = set.train().label(i);
            Path sub = Files.createDirectories(images.resolve("part" + i % 2));
            ImageIO.write(image(set.train(), i), "png", sub.resolve(name(i)).toFile());
        }
    }

    private static String name(int index) {
        return String.format("glyph-%02d.png", index);
    }

    private static BufferedImage image(Dataset data, int index) {
        byte[] pixels = new byte[32 * 32 * 3];
        data.read(index, pixels);
        BufferedImage image = new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB);
        for (int p = 0; p < 32 * 32; p++) {
            int rgb = 0;
            for (int c = 0; c < 3; c++) {
                rgb = rgb << 8 | (pixels[3 * p + c] & 0xFF);
            }
            image.setRGB(p % 32, p / 32, rgb);
        }
        return image;
    }

    private static Outcome run(Object... arguments) {
        String[] texts = Arrays.stream(arguments).map(String::valueOf).toArray(String[]::new);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        PrintStream oldOut = System.out;
        PrintStream oldErr = System.err;
        try {
            System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
            int code = Main.run(texts);
            return new Outcome(
                    code,
                    out.toString(StandardCharsets.UTF_8),
                    err.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(oldOut);
            System.setErr(oldErr);
        }
    }

    private static int correct(Outcome outcome) {
        int correct = 0;
        Matcher m =
                Pattern.compile("glyph-(\\d+)\\.png\\s+[\\d.]+ %  (\\S+)").matcher(outcome.out());
        while (m.find()) {
            correct += names.get(labels[Integer.parseInt(m.group(1))]).equals(m.group(2)) ? 1 : 0;
        }
        return correct;
    }

    @Test
    void predictsAFolderOfImages() {
        Outcome outcome = run("predict", "--weights", checkpoint, "--top", 2, images);
        assertEquals(0, outcome.code(), outcome.err());
        assertEquals(IMAGES * 3, outcome.out().lines().count());
        assertTrue(correct(outcome) >= IMAGES - 2, outcome.out());
    }

    /** σ(z) of a class and softmax's e^z/S give the same sum S of the image by every class. */
    @Test
    void predictsEachClassByItself() {
        Path image = images.resolve("part0").resolve(name(0));
        Map<String, Double> softmax = probabilities("--json", "--top", 10, image);
        Map<String, Double> sigmoid = probabilities("--json", "--sigmoid", "--top", 10, image);
        assertEquals(10, sigmoid.size());
        assertEquals(List.copyOf(softmax.keySet()), List.copyOf(sigmoid.keySet()));
        double first = Double.NaN;
        for (Map.Entry<String, Double> each : sigmoid.entrySet()) {
            double odds = each.getValue() / (1 - each.getValue()); // e^z
            double sum = odds / softmax.get(each.getKey());
            first = Double.isNaN(first) ? sum : first;
            assertEquals(1, sum / first, 1e-3, sigmoid + " " + softmax);
        }
    }

    /** By class, the most probable one first. */
    private static Map<String, Double> probabilities(Object... arguments) {
        List<Object> all = new ArrayList<>(List.of("predict", "--weights", checkpoint));
        all.addAll(List.of(arguments));
        Outcome outcome = run(all.toArray());
        assertEquals(0, outcome.code(), outcome.err());
        Map<String, Double> found = new LinkedHashMap<>();
        Matcher m =
                Pattern.compile(
                                "\"class\"\\s*:\\s*\"(\\w+)\",\\s*\"probability\"\\s*:\\s*([\\d.eE-]+)")
                        .matcher(outcome.out());
        while (m.find()) {
            found.put(m.group(1), Double.parseDouble(m.group(2)));
        }
        return found;
    }

    @Test
    void predictsAsJsonAndNamesBrokenImages() throws IOException {
        Path broken = folder.resolve("broken.jpg");
        Files.writeString(broken, "not an image");
        Path good = images.resolve("part0").resolve(name(0));
        Outcome outcome =
                run("predict", "--weights", checkpoint, "--json", "--top", 1, good, broken);
        assertEquals(1, outcome.code());
        assertTrue(outcome.err().contains("broken.jpg"), outcome.err());
        assertEquals(1, outcome.err().lines().filter(line -> line.startsWith("error: ")).count());
        assertTrue(outcome.out().contains("\"probability\""), outcome.out());
        assertTrue(outcome.out().contains(name(0)), outcome.out());
        assertTrue(outcome.out().strip().endsWith("]"));
    }

    @Test
    void evaluatesOnADataSource() {
        Outcome outcome =
                run(
                        "evaluate",
                        "--weights",
                        checkpoint,
                        "--data",
                        "cifar10:" + folder.resolve("glyphs"));
        assertEquals(0, outcome.code(), outcome.err());
        assertEquals(100 * testAccuracy, number("accuracy +([\\d.]+) %", outcome.out()), 0.01);
        assertEquals(testLoss, number("loss +([\\d.]+)", outcome.out()), 1e-3);
        for (String name : names) {
            assertTrue(outcome.out().contains(name), outcome.out());
        }
    }

    private static double number(String pattern, String text) {
        Matcher m = Pattern.compile(pattern).matcher(text);
        assertTrue(m.find(), text);
        return Double.parseDouble(m.group(1));
    }

    @Test
    void theExportPredictsTheSame() {
        Path exported = folder.resolve("export.safetensors");
        Outcome export =
                run(
                        "export",
                        "--weights",
                        checkpoint,
                        "--format",
                        "safetensors",
                        "--out",
                        exported);
        assertEquals(0, export.code(), export.err());
        assertEquals(
                run("predict", "--weights", checkpoint, images).out(),
                run("predict", "--weights", exported, images).out());
    }

    @Test
    void theOnnxExportRunsElsewhere() throws Exception {
        Path onnx = folder.resolve("export.onnx");
        Outcome export =
                run(
                        "export",
                        "--weights",
                        checkpoint,
                        "--format",
                        "onnx",
                        "--softmax",
                        "--out",
                        onnx);
        assertEquals(0, export.code(), export.err());
        OrtEnvironment environment = OnnxRuntime.environment();
        try (OrtSession session = environment.createSession(onnx.toString());
                OnnxTensor input = OnnxTensor.createTensor(environment, new float[2][3][48][40]);
                OrtSession.Result result = session.run(Map.of("images", input))) {
            for (String output : List.of("logits", "probabilities")) {
                assertEquals(2, ((float[][]) result.get(output).orElseThrow().getValue()).length);
            }
        }
    }

    @Test
    void writesEmbeddings() throws IOException {
        for (String extension : List.of("csv", "json", "npy")) {
            Path file = folder.resolve("embeddings." + extension);
            Outcome outcome = run("embed", "--weights", checkpoint, "--out", file, images);
            assertEquals(0, outcome.code(), outcome.err());
            assertTrue(Files.size(file) > 1000);
        }
        assertEquals(IMAGES + 1, Files.readAllLines(folder.resolve("embeddings.csv")).size());
    }

    @Test
    void drawsHeatMaps() throws IOException {
        Path out = folder.resolve("maps");
        Outcome outcome =
                run(
                        "heatmap",
                        "--weights",
                        checkpoint,
                        "--class",
                        names.get(3),
                        "--out",
                        out,
                        images);
        assertEquals(0, outcome.code(), outcome.err());
        BufferedImage map = ImageIO.read(out.resolve(name(5)).toFile());
        assertEquals(224, map.getWidth());
    }

    /** Folders of digits: the class named 1 may be the first one, and no class be named 0. */
    @Test
    void aNumberThatIsANameIsNoIndex() throws IOException {
        Path digits = folder.resolve("digits.txt");
        Files.write(digits, List.of("1", "2", "3", "4", "5", "6", "7", "8", "9", "ten"));
        Outcome none = heatMaps("none", digits, "0");
        assertEquals(2, none.code(), none.out());
        assertTrue(none.err().contains("no class '0'; use a name"), none.err());
        Outcome one = heatMaps("one", digits, "1");
        assertEquals(0, one.code(), one.err());
        assertTrue(one.out().lines().allMatch(line -> line.endsWith("  1")), one.out());
        Path cranes = folder.resolve("cranes.txt");
        Files.write(cranes, List.of("crane", "b", "c", "d", "e", "crane", "g", "h", "i", "j"));
        Outcome several = heatMaps("several", cranes, "crane");
        assertEquals(2, several.code(), several.out());
        assertTrue(several.err().contains("one of the indices [0, 5]"), several.err());
        assertEquals(0, heatMaps("several", cranes, "5").code());
    }

    private static Outcome heatMaps(String out, Path names, String wanted) throws IOException {
        return run(
                "heatmap",
                "--weights",
                UnnamedWeights.copy(checkpoint, folder.resolve("unnamed.safetensors")),
                "--classes-file",
                names,
                "--class",
                wanted,
                "--out",
                folder.resolve("maps-" + out),
                images);
    }

    @Test
    void wrongInputIsOneLineWithTheFix() throws IOException {
        Path foreign = folder.resolve("foreign.pth");
        Files.write(foreign, new byte[] {'P', 'K', 3, 4, 0, 0});
        Path namesFile = folder.resolve("names.txt");
        Files.write(namesFile, List.of("one", "two"));
        Object[][] cases = {
            {"predict", "--weights", folder.resolve("none"), images},
            {"predict", "--weights", foreign, images},
            {"predict", "--weights", checkpoint, folder.resolve("nowhere")},
            {"predict", "--weights", checkpoint, "--top", 0, images},
            {"predict", "--weights", checkpoint, "--batch", 0, images},
            {"predict", "--weights", checkpoint, "--classes-file", namesFile, images},
            {"predict", "--weights", checkpoint, "--mean", "0.5,0.5,0.5", images},
            {"predict", "--weights", checkpoint, folder.resolve("glyphs")},
            {"embed", "--weights", checkpoint, "--out", "x.xml", images},
            {"heatmap", "--weights", checkpoint, "--class", "nonsense", images},
            {"export", "--weights", checkpoint, "--format", "onnx", "--opset", 9},
            {"export", "--weights", checkpoint, "--format", "safetensors", "--opset", 13},
            {"export", "--weights", checkpoint, "--format", "safetensors", "--softmax"},
            {"export", "--weights", checkpoint, "--format", "safetensors", "--fixed-size"},
            {"export", "--weights", checkpoint, "--format", "onnx", "--out", folder},
            {
                "train",
                "--weights",
                checkpoint,
                "--no-compare",
                "--model",
                "bc-40-12",
                "--data",
                "cifar10:" + folder.resolve("glyphs"),
                "--out",
                folder.resolve("run")
            }
        };
        for (Object[] arguments : cases) {
            Outcome outcome = run(arguments);
            assertEquals(2, outcome.code(), Arrays.toString(arguments) + outcome.err());
            String last = outcome.err().lines().reduce((a, b) -> b).orElse("");
            assertTrue(last.startsWith("error: "), outcome.err());
            assertFalse(outcome.err().contains("\tat "), outcome.err());
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "123.7,116.3,103.5 | 58.4,57.1,57.4 | --mean has 123.7, and pixel values are 0 to 1: divide by 255",
                "0.5,127,0.5       | 1,1,1          | --mean has 127.0",
                "-0.5,0.5,0.5      | 1,1,1          | --mean has -0.5",
                "NaN,0.5,0.5       | 1,1,1          | --mean has NaN",
                "0,0,0             | 255,255,255    | --std has 255.0, and pixel values are 0 to 1: divide by 255",
                "0,0,0             | 1e-38,1,1      | --std has 1.0E-38: too small",
                "0,0,0             | 0,1,1          | --std has 0.0: too small",
                "0,0,0             | 1,1,-1         | --std has -1.0: too small",
            })
    void constantsOfAnotherScaleAreRefused(String mean, String deviation, String words) {
        Path out = folder.resolve("scaled.onnx");
        Object[][] commands = {
            {"predict", images}, {"export", "--format", "onnx", "--out", out},
        };
        for (Object[] command : commands) {
            List<Object> arguments = new ArrayList<>(Arrays.asList(command));
            arguments.add("--weights=" + checkpoint);
            arguments.addAll(List.of("--mean=" + mean, "--std=" + deviation));
            Outcome outcome = run(arguments.toArray());
            assertEquals(2, outcome.code(), outcome.out());
            assertTrue(outcome.err().startsWith("error: " + words), outcome.err());
        }
        assertFalse(Files.exists(out));
    }

    /** Such as torch's of no normalisation, and of values from 0 to 255. */
    @Test
    void constantsOfAnyUsualKindAreTaken() {
        for (String[] constants :
                List.of(
                        new String[] {"0,0,0", "1,1,1"},
                        new String[] {"1,1,1", "0.5,0.5,0.5"},
                        new String[] {"0.485,0.456,0.406", "0.00392,0.00392,0.00392"})) {
            Outcome outcome =
                    run(
                            "predict",
                            "--weights=" + checkpoint,
                            "--mean=" + constants[0],
                            "--std=" + constants[1],
                            images);
            assertEquals(0, outcome.code(), outcome.err());
        }
    }

    @Test
    void embeddingsThatAreNotFiniteAreNotWritten() throws IOException {
        DenseNetSpec spec = DenseNetSpec.preset("bc-10-4").classes(3).inputSize(16).build();
        RandomModel model = new RandomModel(spec, 1);
        String norm =
                model.tensors().stream()
                        .filter(t -> t.role() == ParameterSpec.Role.BN_WEIGHT)
                        .reduce((first, last) -> last)
                        .orElseThrow()
                        .name();
        Arrays.fill(model.values(norm), 3e38f);
        Path out = folder.resolve("infinite.csv");
        Outcome outcome =
                run(
                        "embed",
                        "--weights=" + model.write(folder.resolve("infinite.safetensors")),
                        "--out=" + out,
                        images);
        assertEquals(2, outcome.code(), outcome.out());
        assertTrue(outcome.err().contains("its embedding is not finite"), outcome.err());
        assertFalse(Files.exists(out));
    }

    @Test
    void trainingStartsFromWeightsAndItsCheckpointPredicts() {
        Path run = folder.resolve("fine-tuned");
        Outcome train =
                run(
                        "train",
                        "--weights",
                        checkpoint,
                        "--reset-head",
                        "--model",
                        "bc-10-8",
                        "--data",
                        "cifar10:" + folder.resolve("glyphs"),
                        "--epochs",
                        1,
                        "--batch",
                        25,
                        "--no-compare",
                        "--out",
                        run);
        assertEquals(0, train.code(), train.err());
        assertTrue(train.out().contains("tensors from " + checkpoint), train.out());
        Outcome predict =
                run("predict", "--weights", run.resolve("checkpoint.safetensors"), images);
        assertEquals(0, predict.code(), predict.err());
        assertFalse(predict.out().contains("class 0"), "class names of the run");
    }

    @Test
    void weightsOfAnotherNetworkAreListedTensorByTensor() {
        Outcome outcome = run("predict", "--weights", checkpoint, "--model", "bc-22-8", images);
        assertEquals(2, outcome.code());
        assertTrue(outcome.err().contains("missing     features."), outcome.err());
        assertTrue(outcome.err().contains("mis-shaped  features."), outcome.err());
    }
}
