package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.ChestXRays;
import org.densenet4j.data.Image;
import org.densenet4j.data.LabelledFiles;
import org.densenet4j.data.Task;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.inference.HeatMap;
import org.densenet4j.inference.Predictor;
import org.densenet4j.io.pth.PthWriter;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.Model;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;

import javax.imageio.ImageIO;

/** A state dict as torchxrayvision's networks have it: one channel, 18 labels, thresholds. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ChestXRaysTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.densenet121()
                    .layersPerBlock(1, 1)
                    .inputSize(32)
                    .inputChannels(1)
                    .classes(18)
                    .build();
    private static final float[] THRESHOLDS = new float[18];

    @TempDir private static Path folder;
    private Path weights;

    @BeforeAll
    void files() throws IOException {
        for (int c = 0; c < 18; c++) {
            THRESHOLDS[c] = c == 5 ? Float.NaN : 0.02f + 0.05f * c;
        }
        weights = write(SPEC, "xrays.pth");
        images();
    }

    private static Path write(DenseNetSpec spec, String name) throws IOException {
        PthWriter writer = new PthWriter(List.of(), false);
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
                Network network =
                        Network.open(MemoryPlan.of(spec).batch(1).on(device), device, 4)) {
            for (ParameterSpec p : network.parameters()) {
                writer.floats(p.name(), p.shape(), network.parameter(p.name()));
            }
            for (ParameterSpec p : network.runningStatistics()) {
                writer.floats(p.name(), p.shape(), network.runningStatistic(p.name()));
            }
        }
        writer.floats("op_threshs", List.of(18), THRESHOLDS);
        return writer.writeZip(folder.resolve(name));
    }

    private static void images() throws IOException {
        SplittableRandom random = new SplittableRandom(3);
        StringBuilder table = new StringBuilder("Image Index,Finding Labels,Patient ID\n");
        for (int i = 0; i < 12; i++) {
            BufferedImage image = new BufferedImage(40, 36, BufferedImage.TYPE_BYTE_GRAY);
            boolean mass = random.nextBoolean();
            for (int p = 0; p < 36 * 40; p++) {
                int value = random.nextInt(60) + (mass ? 150 : 0);
                image.getRaster().setSample(p % 40, p / 40, 0, value);
            }
            ImageIO.write(image, "png", folder.resolve(i + ".png").toFile());
            String found = mass ? "Mass|Effusion" : i % 3 == 0 ? "Effusion" : "No Finding";
            table.append(i + ".png," + found + "," + i / 3 + "\n");
        }
        Files.writeString(folder.resolve("labels.csv"), table);
    }

    @Test
    void namesScalingAndThresholdsAreKnown() throws IOException {
        try (Model model = Model.open(weights)) {
            assertEquals(1, model.spec().inputChannels());
            assertEquals(ChestXRays.LABELS, model.classNames());
            assertEquals(Task.MULTILABEL, model.outputs().task());
            assertEquals(0.02f, model.outputs().thresholds().getFirst());
            assertEquals(Optional.of(ChestXRays.RESIZING), model.images().resizing());
            assertEquals(0, model.report().unexpected().size());
            try (Predictor predictor = Predictor.of(model.withInputSize(32, 32)).batch(1).open()) {
                byte[] pixels = new byte[32 * 32];
                pixels[0] = (byte) 255;
                float[] prepared = predictor.preparation().prepare(new Image(32, 32, 1, pixels));
                assertEquals(1024, prepared[0], 1e-3);
                assertEquals(-1024, prepared[1], 1e-3);
            }
        }
    }

    @Test
    void sigmoidsAreCalibratedAsTheirAuthorsDo() throws IOException {
        try (Model model = Model.open(weights);
                Predictor predictor = Predictor.of(model.withInputSize(32, 32)).batch(1).open()) {
            float[] image = new float[32 * 32];
            for (int i = 0; i < image.length; i++) {
                image[i] = 1024 * (float) Math.sin(i);
            }
            float[] logits = predictor.logits(image, 1);
            float[] outputs = predictor.outputs(image, 1);
            for (int c = 0; c < 18; c++) {
                double y = 1 / (1 + Math.exp(-logits[c]));
                double t = THRESHOLDS[c];
                double wanted =
                        Double.isNaN(t) ? 0.5 : y < t ? y / (2 * t) : 1 - (1 - y) / (2 * (1 - t));
                assertEquals(wanted, outputs[c], 1e-6, ChestXRays.LABELS.get(c));
            }
            HeatMap most = predictor.heatMap(image, -1);
            for (float output : outputs) {
                assertTrue(outputs[most.classIndex()] >= output);
            }
            HeatMap mass = predictor.heatMap(image, ChestXRays.LABELS.indexOf("Mass"));
            assertEquals(12, mass.classIndex());
        }
    }

    @Test
    void anExportKeepsThemAndPredictShowsThem() throws IOException {
        Path exported = folder.resolve("exported.safetensors");
        Captured.run(
                        "export",
                        "--weights",
                        weights.toString(),
                        "--format",
                        "safetensors",
                        "--out",
                        exported.toString())
                .mustSucceed();
        List<String> answers = new ArrayList<>();
        for (Path file : List.of(weights, exported)) {
            answers.add(
                    Captured.run(
                                    "predict",
                                    "--input-size",
                                    "32",
                                    "--top",
                                    "18",
                                    "--weights",
                                    file.toString(),
                                    folder.resolve("1.png").toString())
                            .mustSucceed()
                            .out());
        }
        assertEquals(answers.getFirst(), answers.getLast());
        assertTrue(answers.getFirst().contains("50.00 %  Emphysema"), answers.getFirst());
    }

    @Test
    void onnxTellsOfThemAndHasNoSoftmax() throws IOException {
        Path onnx = folder.resolve("xrays.onnx");
        List<String> arguments = new ArrayList<>(List.of("export", "--format", "onnx"));
        arguments.addAll(List.of("--weights", weights.toString(), "--out", onnx.toString()));
        Captured.run(arguments).mustSucceed();
        String content = Files.readString(onnx, ISO_8859_1);
        assertTrue(content.contains("outputs.thresholds"));
        assertTrue(content.contains("so that the input is all of the shorter side"));
        arguments.addAll(List.of("--softmax", "--overwrite"));
        Captured.run(arguments).mustRefuse("a softmax is of one class per image");
    }

    @Test
    void itsOutputsAreEvaluatedOnATableOfFindings() {
        Captured evaluated =
                Captured.run(
                                "evaluate",
                                "--input-size",
                                "32",
                                "--weights",
                                weights.toString(),
                                "--data",
                                "folder:" + folder,
                                "--labels",
                                folder.resolve("labels.csv").toString(),
                                "--label-separator",
                                "|",
                                "--group-column",
                                "Patient ID")
                        .mustSucceed();
        assertTrue(evaluated.out().contains("mean AUROC"), evaluated.out());
        assertTrue(evaluated.out().contains("Mass  "), evaluated.out());
    }

    @Test
    void severalViewsAreCalibratedByPredictAndRefusedByEvaluate() {
        List<String> common =
                List.of("--input-size", "32", "--weights", weights.toString(), "--tta", "flip");
        List<String> predict = new ArrayList<>(List.of("predict", "--top", "18"));
        predict.addAll(common);
        predict.add(folder.resolve("1.png").toString());
        String out = Captured.run(predict).mustSucceed().out();
        assertTrue(out.contains("50.00 %  Emphysema"), out);
        List<String> evaluate = new ArrayList<>(List.of("evaluate", "--data", "folder:" + folder));
        evaluate.addAll(common);
        evaluate.addAll(List.of("--labels", folder.resolve("labels.csv").toString()));
        evaluate.addAll(List.of("--label-separator", "|"));
        Captured.run(evaluate).mustRefuse("--tta is for images of one class each");
    }

    @Test
    void aNetworkIsFineTunedOnSomeOfItsLabelsWithoutItsThresholds() throws IOException {
        DenseNetSpec small =
                DenseNetSpec.bc(10, 4).inputSize(32).inputChannels(1).classes(18).build();
        Path run = folder.resolve("run");
        Captured.run(
                        "train",
                        "--no-compare",
                        "--weights",
                        write(small, "small.pth").toString(),
                        "--model",
                        "bc-10-4",
                        "--task",
                        "multilabel",
                        "--data",
                        "folder:" + folder,
                        "--labels",
                        folder.resolve("labels.csv").toString(),
                        "--label-separator",
                        "|",
                        "--group-column",
                        "Patient ID",
                        "--mean-by-label",
                        "--epochs",
                        "1",
                        "--batch",
                        "4",
                        "--device",
                        "cpu",
                        "--threads",
                        "1",
                        "--out",
                        run.toString())
                .mustSucceed();
        try (Model model = Model.open(run.resolve("checkpoint.safetensors"))) {
            assertEquals(ChestXRays.LABELS, model.classNames());
            assertEquals(1, model.spec().inputChannels());
            assertEquals(Task.MULTILABEL, model.outputs().task());
            assertEquals(List.of(), model.outputs().thresholds());
            assertArrayEquals(new float[] {1f / 2048}, model.normalisation().deviation());
        }
    }

    @Test
    void outputsCanBeTakenForSomethingElse() {
        List<String> arguments =
                List.of(
                        "predict",
                        "--input-size",
                        "32",
                        "--weights",
                        weights.toString(),
                        folder.resolve("1.png").toString(),
                        "--task");
        List<String> numbers = new ArrayList<>(arguments);
        numbers.add("regress");
        String out = Captured.run(numbers).mustSucceed().out();
        assertTrue(out.contains("  Hernia") && !out.contains("%"), out);
        List<String> pixels = new ArrayList<>(arguments);
        pixels.add("segment");
        Captured.run(pixels).mustRefuse("the task segment does not fit the network");
    }

    @Test
    void rareLabelsWeighMore() {
        assertArrayEquals(
                new double[] {0.6, 1.4},
                ChestXRays.labelWeights(
                                Stream.of(100, 20)
                                        .map(n -> new LabelledFiles.Counts("x", n, 1))
                                        .toList())
                        .stream()
                        .mapToDouble(Double::doubleValue)
                        .toArray(),
                1e-12);
    }
}
